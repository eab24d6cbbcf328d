import { describe, expect, test } from 'vitest'
import { clearLow, degrade, SCALES } from './degrade.ts'
import { bicubic, evaluate, samples } from './evaluate.ts'
import { cropToMultiple } from './image.ts'
import { quality } from './metrics.ts'
import { resizeBicubic } from './resize.ts'
import { BICUBIC, imagesOf, testSet, waves } from './testing.ts'

const set5 = testSet('set5')

describe.skipIf(!set5)('Set5', () => {
  test('bicubic enlargement has the published PSNR and SSIM, x4', async () => {
    const [psnr, ssim] = BICUBIC.set5![4]
    const { bicubic: result } = await evaluate(imagesOf(set5!), 4, { bicubic })
    expect(Math.abs(result.psnr - psnr)).toBeLessThan(0.02)
    expect(Math.abs(result.ssim - ssim)).toBeLessThan(0.001)
  }, 300_000)

  test.each([
    [2, 33.66],
    [3, 30.39],
    [4, 28.42],
  ] as const)('without blur, x%i: about %f dB', async (scale, psnr) => {
    const images = await Promise.all(imagesOf(set5!).map(read => read()))
    const sum = images.reduce((total, image) => {
      const low = degrade(image, scale)
      const high = resizeBicubic(low, low.height * scale, low.width * scale)
      return total + quality(high, cropToMultiple(image, scale), scale).psnr
    }, 0)
    // Published values are of single-channel pipelines, which round in between.
    expect(Math.abs(sum / images.length - psnr)).toBeLessThan(0.03)
  })
})

describe('evaluate', () => {
  test('averages over eight blurs of every image', async () => {
    const images = [waves(40, 32), waves(33, 47)]
    let seen = 0
    const { same, low } = await evaluate(
      images.map(image => async () => image),
      2,
      {
        same: async ({ high, clear }) => ({ high, corrected: clear }),
        low: async sample => {
          seen++
          return { ...(await bicubic(sample)), corrected: sample.low }
        },
      },
    )
    expect(seen).toBe(16)
    expect(same).toMatchObject({ psnr: Number.POSITIVE_INFINITY, correctedPsnr: Number.POSITIVE_INFINITY })
    expect(same.ssim).toBeCloseTo(1, 12)
    expect(low.psnr).toBeGreaterThan(20)
    expect(low.correctedPsnr).toBeGreaterThan(20)
  })

  test('reports progress and refuses what it cannot measure', async () => {
    const ticks: string[] = []
    await evaluate(
      [async () => waves(40, 40)],
      4,
      { bicubic },
      (done, total) => void ticks.push(`${done}/${total}`),
    )
    expect(ticks).toEqual(Array.from({ length: 9 }, (_, i) => `${i}/8`))
    await expect(evaluate([], 4, { bicubic })).rejects.toThrow('set: expected at least one image, got none')
    await expect(evaluate([async () => waves(16, 40)], 4, { bicubic })).rejects.toThrow(
      'set: expected images of at least 19 x 19 pixels, got 16 x 40',
    )
  })

  test.each(SCALES)('x%i crops to a multiple of the scale', scale => {
    const { high, low, clear } = [...samples(waves(49, 38), scale)][0]!
    expect([high.width % scale, high.height % scale]).toEqual([0, 0])
    expect([low.width, low.height]).toEqual([high.width / scale, high.height / scale])
    expect(clear).toEqual(clearLow(high, scale))
  })
})
