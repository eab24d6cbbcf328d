import { describe, expect, test } from 'vitest'
import { filterCorrected } from '../models/lce/filter.ts'
import { type Scale, SCALES } from './degrade.ts'
import { bicubic, evaluate } from './evaluate.ts'
import { BICUBIC, imagesOf, testSet } from './testing.ts'

/** PSNR over RGB of the degraded image against bicubic downsampling alone, Set5. */
const UNCORRECTED: Readonly<Record<Scale, number>> = { 2: 33.83, 3: 31.23, 4: 30.04 }

for (const [name, table] of Object.entries(BICUBIC)) {
  const folder = testSet(name)
  describe.skipIf(!folder)(`bicubic enlargement has the published PSNR and SSIM on ${name}`, () => {
    test.each(SCALES)(
      'x%i',
      async scale => {
        const [psnr, ssim] = table[scale]
        const { all } = await evaluate(imagesOf(folder!), scale, {
          all: async sample => ({ ...(await bicubic(sample)), corrected: sample.low }),
        })
        expect(Math.abs(all.psnr - psnr)).toBeLessThan(0.02)
        expect(Math.abs(all.ssim - ssim)).toBeLessThan(0.001)
        if (name === 'set5') expect(Math.abs(all.correctedPsnr! - UNCORRECTED[scale])).toBeLessThan(0.02)
      },
      1_800_000,
    )
  })
}

/** A Wiener filter that knows the blur reaches 44.3, 42.7 and 42.0 dB; ours knows nothing of the images' spectra. */
const FILTERED: Readonly<Record<Scale, number>> = { 2: 44.3, 3: 42.3, 4: 41.2 }

const set5 = testSet('set5')
describe.skipIf(!set5)('the closed-form filter, told the blur, undoes it on Set5', () => {
  test.each(SCALES)('x%i', async scale => {
    const { filtered } = await evaluate(imagesOf(set5!), scale, {
      filtered: async ({ high, low, sigma }) => ({ high, corrected: filterCorrected(low, scale, sigma) }),
    })
    expect(filtered.correctedPsnr).toBeGreaterThan(FILTERED[scale])
  })
})
