import { describe, expect, test } from 'vitest'
import { type Scale, SCALES } from './degrade.ts'
import { bicubic, evaluate } from './evaluate.ts'
import { BICUBIC, imagesOf, testSet } from './testing.ts'

/** PSNR over RGB of the degraded image against bicubic downsampling alone, Set5. */
const UNCORRECTED: Readonly<Record<Scale, number>> = { 2: 33.83, 3: 31.23, 4: 30.04 }

for (const [name, table] of Object.entries(BICUBIC)) {
  const folder = testSet(name)
  describe.skipIf(!folder)(`bicubic enlargement has the published PSNR and SSIM on ${name}`, () => {
    test.each(SCALES)('x%i', async scale => {
      const [psnr, ssim] = table[scale]
      const { all } = await evaluate(imagesOf(folder!), scale, {
        all: async sample => ({ ...(await bicubic(sample)), corrected: sample.low }),
      })
      expect(Math.abs(all.psnr - psnr)).toBeLessThan(0.02)
      expect(Math.abs(all.ssim - ssim)).toBeLessThan(0.001)
      if (name === 'set5') expect(Math.abs(all.correctedPsnr! - UNCORRECTED[scale])).toBeLessThan(0.02)
    })
  })
}
