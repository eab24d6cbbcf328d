import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blurIsotropic, filter, gaussianKernel, gaussianTaps, reflect } from './blur.ts'
import type { Image } from './image.ts'
import { drawn, farthest, waves } from './testing.ts'

describe('kernels', () => {
  test('three taps of sigma 1', () => {
    const e = Math.exp(-0.5)
    const [a, b, c] = gaussianTaps(3, 1)
    expect([a, b, c]).toEqual([e / (1 + 2 * e), 1 / (1 + 2 * e), e / (1 + 2 * e)])
  })

  test('equal sigmas give the product of taps at every angle', () => {
    const taps = gaussianTaps(21, 2.3)
    const { weights } = gaussianKernel(21, [2.3, 2.3], 0.7)
    for (const [i, w] of weights.entries())
      expect(w).toBeCloseTo(taps[i % 21]! * taps[Math.floor(i / 21)]!, 14)
  })

  test('the first axis lies along the rows, and turns towards the columns', () => {
    const { weights } = gaussianKernel(5, [2, 0.5])
    expect(weights[2 * 5 + 4]).toBeGreaterThan(weights[4 * 5 + 2]!)
    const turned = gaussianKernel(5, [2, 0.5], Math.PI / 2).weights
    for (let i = 0; i < 25; i++) expect(turned[(i % 5) * 5 + Math.floor(i / 5)]).toBeCloseTo(weights[i]!, 14)
    const diagonal = gaussianKernel(5, [2, 0.5], Math.PI / 4).weights
    expect(diagonal[4 * 5 + 4]).toBeGreaterThan(diagonal[4]!)
  })

  test('bad sizes and sigmas', () => {
    expect(() => gaussianTaps(4, 1)).toThrow('size: expected an odd integer, got 4')
    expect(() => gaussianTaps(3, 0)).toThrow('sigma: expected a positive number, got 0')
    expect(() => gaussianKernel(3, [1, Number.NaN])).toThrow('sigma: expected a positive number, got NaN')
  })
})

test('reflection does not repeat the edge', () => {
  expect([-3, -2, -1, 0, 1, 2, 3, 4, 5].map(i => reflect(i, 3))).toEqual([1, 2, 1, 0, 1, 2, 1, 0, 1])
  expect(reflect(-7, 1)).toBe(0)
})

test('a row against its hand-made blur', () => {
  const e = Math.exp(-0.5)
  const image = drawn(3, 1, 1, (_c, _y, x) => [1, 0, 2][x]!)
  // Reflected: 0 1 0 2 0.
  const expected = [1, 3 * e, 2].map(v => v / (1 + 2 * e))
  for (const [i, v] of blurIsotropic(image, 1, 3).data.entries()) expect(v).toBeCloseTo(expected[i]!, 6)
})

/** By the definition. */
function slow(image: Image, size: number, weights: Float64Array): Image {
  const half = (size - 1) / 2
  const { width, height, channels, data } = image
  return drawn(width, height, channels, (c, y, x) => {
    let sum = 0
    for (let i = 0; i < size * size; i++) {
      const row = reflect(y + Math.floor(i / size) - half, height)
      sum += weights[i]! * data[(c * height + row) * width + reflect(x + (i % size) - half, width)]!
    }
    return sum
  })
}

test('blurs of every size of image agree with the definition', () => {
  const side = fc.integer({ min: 1, max: 15 })
  fc.assert(
    fc.property(
      side,
      side,
      fc.constantFrom(1, 3, 7),
      fc.double({ min: 0.3, max: 3, noNaN: true }),
      (w, h, size, sigma) => {
        const image = waves(w, h, 2)
        const isotropic = gaussianKernel(size, [sigma, sigma])
        expect(
          farthest(blurIsotropic(image, sigma, size), slow(image, size, isotropic.weights)),
        ).toBeLessThan(1e-6)
        const kernel = gaussianKernel(size, [sigma, 0.8], 0.4)
        expect(farthest(filter(image, kernel), slow(image, size, kernel.weights))).toBeLessThan(1e-6)
      },
    ),
    { numRuns: 50 },
  )
})
