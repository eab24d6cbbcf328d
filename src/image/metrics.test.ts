import { describe, expect, test } from 'vitest'
import { luma, psnrOfSamples, quality, ssim } from './metrics.ts'
import { drawn, waves } from './testing.ts'

const flat = (value: number, width = 20, height = 16, channels = 3) =>
  drawn(width, height, channels, () => value)

test('luma spans 16 to 235', () => {
  expect(luma(flat(0)).data[0]).toBe(16)
  expect(luma(flat(1)).data[0]).toBeCloseTo(235, 10)
  expect(luma(flat(1, 2, 2, 1)).data[0]).toBeCloseTo(235, 10)
  const green = drawn(1, 1, 3, c => (c === 1 ? 1 : 0))
  expect(luma(green).data[0]).toBeCloseTo(16 + 128.553, 10)
})

describe('PSNR', () => {
  test('one 8-bit step everywhere', () => {
    // The step is 219 / 255 in luma.
    expect(quality(flat(101 / 255), flat(100 / 255), 2).psnr).toBeCloseTo(
      20 * Math.log10(255 / (219 / 255)),
      4,
    )
    expect(psnrOfSamples(flat(101 / 255), flat(100 / 255))).toBeCloseTo(20 * Math.log10(255), 4)
  })

  test('both images are taken as 8 bits', () => {
    expect(quality(flat(100.4 / 255), flat(100 / 255), 0).psnr).toBe(Number.POSITIVE_INFINITY)
    expect(quality(flat(1.7), flat(1), 0).psnr).toBe(Number.POSITIVE_INFINITY)
  })

  test('the border does not count', () => {
    const framed = drawn(20, 16, 3, (_, y, x) => (y < 2 || y > 13 || x < 2 || x > 17 ? 1 : 0.2))
    expect(quality(framed, flat(0.2), 2)).toEqual({ psnr: Number.POSITIVE_INFINITY, ssim: 1 })
    expect(quality(framed, flat(0.2), 1).psnr).toBeLessThan(20)
  })
})

describe('SSIM', () => {
  test('of two constants', () => {
    const [a, b] = [luma(flat(0.2)), luma(flat(0.6))]
    const [x, y] = [a.data[0]!, b.data[0]!]
    const c1 = 2.55 ** 2
    expect(ssim(a, b)).toBeCloseTo((2 * x * y + c1) / (x * x + y * y + c1), 9)
  })

  test('of an image whose one window is the Gaussian itself', () => {
    // Against zero: means m, 0; E[x^2] = s.
    const taps = Array.from({ length: 11 }, (_, i) => Math.exp(-(((i - 5) / 1.5) ** 2) / 2))
    const sum = taps.reduce((p, q) => p + q)
    const data = Float64Array.from({ length: 121 }, (_, i) => (i * 7) % 50)
    const weight = (i: number) => (taps[i % 11]! * taps[Math.floor(i / 11)]!) / sum ** 2
    const m = data.reduce((p, v, i) => p + weight(i) * v, 0)
    const s = data.reduce((p, v, i) => p + weight(i) * v * v, 0)
    const [c1, c2] = [2.55 ** 2, 7.65 ** 2]
    const expected = (c1 * c2) / ((m * m + c1) * (s - m * m + c2))
    const plane = (d: Float64Array) => ({ width: 11, height: 11, data: d })
    expect(ssim(plane(data), plane(new Float64Array(121)))).toBeCloseTo(expected, 12)
  })

  test('is 1 for equal images, and undefined below 11 pixels', () => {
    expect(quality(waves(30, 30), waves(30, 30), 2).ssim).toBeCloseTo(1, 12)
    expect(quality(waves(14, 30), waves(14, 30), 2).ssim).toBeNaN()
  })
})

test('sizes that differ, and images smaller than their border', () => {
  expect(() => quality(flat(0), flat(0, 21), 2)).toThrow(
    'image: expected 21 x 16 pixels as the reference, got 20 x 16',
  )
  expect(() => quality(flat(0, 8, 8), flat(0, 8, 8), 4)).toThrow(
    'image: expected more than 8 pixels a side, got 8 x 8',
  )
})
