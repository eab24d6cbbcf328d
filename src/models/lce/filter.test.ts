import { describe, expect, it } from 'vitest'
import { clearLow, degrade } from '../../image/degrade.ts'
import type { Image } from '../../image/image.ts'
import { psnrOfSamples } from '../../image/metrics.ts'
import { bankShares, correctionBank, correctionKernel, filterCorrected } from './filter.ts'

/** Smooth waves and a hard edge. */
function scene(side: number): Image {
  const data = Float32Array.from({ length: 3 * side * side }, (_, i) => {
    const [y, x] = [Math.floor(i / side) % side, i % side]
    const wave = Math.sin(x / 5) * Math.cos(y / 7) + Math.sin((x * y) / 400)
    return 0.5 + 0.15 * wave + (x + y > side ? 0.15 : 0)
  })
  return { width: side, height: side, channels: 3, data }
}

describe('the closed-form correction filter', () => {
  it('keeps constants', () => {
    const { weights } = correctionKernel(4, 2.5)
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
  })
  it('is close to nothing where there is hardly any blur', () => {
    const { size, weights } = correctionKernel(2, 0.2)
    expect(weights[(size * size - 1) / 2]).toBeGreaterThan(0.95)
  })
  it('has a bank of kernels that keep constants', () => {
    const { count, size, weights } = correctionBank(4)
    expect([count, size, weights.length]).toEqual([9, 13, 9 * 169])
    for (let k = 0; k < count; k++)
      expect(weights.subarray(k * 169, (k + 1) * 169).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
  })
  it('shares a blur between the two of the bank next to it', () => {
    const [none, exact, between, wide] = [0, 4 * 0.38, 4 * 0.42, 9].map(sigma => [...bankShares(4, sigma)])
    expect(none).toEqual([1, ...new Array(9).fill(0)])
    expect(exact!.map(v => Math.round(v * 1e6) / 1e6)).toEqual([0, 0, 1, ...new Array(7).fill(0)])
    expect(between![2]).toBeCloseTo(0.5, 6)
    expect(between![3]).toBeCloseTo(0.5, 6)
    expect(wide!.at(-1)).toBe(1)
  })
  for (const [scale, sigma] of [
    [2, 1.2],
    [3, 1.8],
    [4, 2.4],
  ] as const)
    it(`brings x${scale} closer to bicubic downsampling alone`, () => {
      const high = scene(96)
      const [lr, clear] = [degrade(high, scale, sigma), clearLow(high, scale)]
      const gain = psnrOfSamples(filterCorrected(lr, scale, sigma), clear) - psnrOfSamples(lr, clear)
      expect(gain).toBeGreaterThan(4)
    })
})
