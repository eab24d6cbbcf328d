import { describe, expect, test } from 'vitest'
import { gaussianKernel } from './blur.ts'
import { checkScale, clearLow, degrade, gaussian8 } from './degrade.ts'
import { blank, cropToMultiple, cut, quantise, toRgb } from './image.ts'
import { drawn, farthest, waves } from './testing.ts'

test('Gaussian8', () => {
  expect(gaussian8(2).map(s => s.toFixed(4))).toEqual([
    '0.8000',
    '0.9143',
    '1.0286',
    '1.1429',
    '1.2571',
    '1.3714',
    '1.4857',
    '1.6000',
  ])
  expect([gaussian8(3)[0], gaussian8(3)[7]?.toFixed(6)]).toEqual([1.35, '2.400000'])
  expect([gaussian8(4)[0], gaussian8(4)[7]?.toFixed(6)]).toEqual([1.8, '3.200000'])
})

describe('degrade', () => {
  test('a constant stays, to the nearest of 256 levels', () => {
    const low = degrade(
      drawn(13, 9, 3, () => 0.3),
      4,
      2,
    )
    expect([low.width, low.height, low.channels]).toEqual([3, 2, 3])
    for (const v of low.data) expect(v).toBeCloseTo(77 / 255, 7)
  })

  test('a number means the isotropic kernel of 21 pixels', () => {
    const image = waves(40, 36)
    expect(farthest(degrade(image, 2, 1.3), degrade(image, 2, gaussianKernel(21, [1.3, 1.3])))).toBeLessThan(
      1 / 254,
    )
    expect(degrade(image, 2)).toEqual(quantise(clearLow(image, 2)))
  })

  test('blurs before it shrinks', () => {
    const edge = drawn(32, 32, 1, (_c, _y, x) => (x < 16 ? 0 : 1))
    const [sharp, soft] = [degrade(edge, 4), degrade(edge, 4, 3.2)]
    expect(soft.data[4]! - soft.data[3]!).toBeLessThan(sharp.data[4]! - sharp.data[3]!)
  })

  test('unknown scales and images smaller than the scale', () => {
    expect(() => checkScale(5)).toThrow('scale: expected one of 2, 3, 4, got 5')
    expect(() => degrade(blank(3, 9, 1), 4)).toThrow('image: expected at least 4 x 4 pixels, got 3 x 9')
  })
})

describe('images', () => {
  test('cutting repeats the edge beyond the image', () => {
    const image = drawn(3, 2, 1, (_, y, x) => 10 * y + x)
    expect([...cut(image, { left: -2, top: -1, width: 6, height: 4 }).data]).toEqual([
      0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2, 10, 10, 10, 11, 12, 12, 10, 10, 10, 11, 12, 12,
    ])
    expect([...cut(image, { left: 1, top: 1, width: 2, height: 1 }).data]).toEqual([11, 12])
  })

  test('cropping keeps the top left', () => {
    expect([
      ...cropToMultiple(
        drawn(3, 3, 1, (_, y, x) => 10 * y + x),
        2,
      ).data,
    ]).toEqual([0, 1, 10, 11])
  })

  test('rounding to 8 bits clamps', () => {
    expect([...quantise(drawn(4, 1, 1, (_c, _y, x) => [-0.2, 0.4999, 0.502, 1.3][x]!)).data]).toEqual(
      [0, 127 / 255, 128 / 255, 1].map(Math.fround),
    )
  })

  test('grey to three channels', () => {
    expect([...toRgb(drawn(2, 1, 1, (_c, _y, x) => x)).data]).toEqual([0, 1, 0, 1, 0, 1])
    expect(() => toRgb(blank(1, 1, 2))).toThrow('image: expected 1 or 3 channels, got 2')
    expect(() => blank(0, 1, 1)).toThrow('width: expected a positive integer, got 0')
  })
})
