import fc from 'fast-check'
import { expect, test } from 'vitest'
import { resizeBicubic, cubic } from './resize.ts'
import { drawn, farthest, waves } from './testing.ts'

const row = (...values: number[]) => drawn(values.length, 1, 1, (_c, _y, x) => values[x]!)

test("Keys' kernel", () => {
  expect([0, 0.5, 1, 1.5, 2, 3, -0.5].map(cubic)).toEqual([1, 0.5625, 0, -0.0625, 0, 0, 0.5625])
})

test('enlarging a ramp by 2, with symmetric padding', () => {
  // Weights at distances 1.75, 0.75, 0.25, 1.25: -0.0234375, 0.2265625, 0.8671875, -0.0703125.
  const out = resizeBicubic(row(1, 2, 3, 4), 1, 8)
  expect([...out.data]).toEqual([0.90625, 1.1796875, 1.7265625, 2.25, 2.75, 3.2734375, 3.8203125, 4.09375])
})

test('shrinking an impulse by 2 with a kernel of twice the width', () => {
  const out = resizeBicubic(row(0, 0, 0, 1, 0, 0, 0, 0), 1, 4)
  expect([...out.data]).toEqual([-0.03515625, 0.43359375, 0.11328125, -0.01171875])
})

test('shrinking mirrors the border', () => {
  // The impulse on pixel 0 is also seen at -1: cubic(0.25) / 2 + cubic(0.75) / 2.
  expect(resizeBicubic(row(1, 0, 0, 0, 0, 0, 0, 0), 1, 4).data[0]).toBeCloseTo(0.43359375 + 0.11328125, 7)
})

test('constants stay, whatever the sizes', () => {
  const side = fc.integer({ min: 1, max: 20 })
  fc.assert(
    fc.property(side, side, side, side, (w, h, width, height) => {
      const out = resizeBicubic(
        drawn(w, h, 2, c => c + 0.25),
        height,
        width,
      )
      expect(
        farthest(
          out,
          drawn(width, height, 2, c => c + 0.25),
        ),
      ).toBeLessThan(1e-6)
    }),
  )
})

test('rows and columns are treated alike', () => {
  const image = waves(13, 13, 1)
  const turned = drawn(13, 13, 1, (_, y, x) => image.data[x * 13 + y]!)
  const out = resizeBicubic(image, 29, 29)
  expect(
    farthest(
      resizeBicubic(turned, 29, 29),
      drawn(29, 29, 1, (_, y, x) => out.data[x * 29 + y]!),
    ),
  ).toBeLessThan(1e-6)
})
