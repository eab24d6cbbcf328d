import { describe, expect, test } from 'vitest'
import type { Image } from './image.ts'
import { inverse, overSymmetries, SYMMETRIES, turned } from './symmetry.ts'
import { farthest, waves } from './testing.ts'

describe('symmetries', () => {
  test('there are eight', () => {
    const image: Image = { width: 2, height: 2, channels: 1, data: Float32Array.of(1, 2, 3, 4) }
    const all = SYMMETRIES.map(which => turned(image, which).data.join())
    expect(all.slice(0, 5)).toEqual(['1,2,3,4', '3,4,1,2', '2,1,4,3', '4,3,2,1', '1,3,2,4'])
    expect(new Set(all).size).toBe(8)
  })
  test('swap the sides of what is not square', () => {
    const image: Image = { width: 3, height: 1, channels: 2, data: Float32Array.of(1, 2, 3, 4, 5, 6) }
    expect(turned(image, 2)).toEqual({ ...image, data: Float32Array.of(3, 2, 1, 6, 5, 4) })
    expect(turned(image, 6)).toEqual({
      width: 1,
      height: 3,
      channels: 2,
      data: Float32Array.of(3, 2, 1, 6, 5, 4),
    })
  })
  test.each(SYMMETRIES)('%i is undone by its inverse', which => {
    const image = waves(5, 3)
    expect(turned(turned(image, which), inverse(which))).toEqual(image)
  })
})

test('the mean over symmetries is of the images turned back', async () => {
  const image = waves(7, 4)
  const seen: string[] = []
  const [same, left] = await overSymmetries(async which => {
    const form = turned(image, which)
    seen.push(`${form.width} x ${form.height}`)
    // Black but for the first column of each form.
    const data = form.data.map((v, i) => (i % form.width === 0 ? v : 0))
    return [form, { ...form, data }]
  })
  expect(seen).toEqual([...new Array(4).fill('7 x 4'), ...new Array(4).fill('4 x 7')])
  expect(farthest(same!, image)).toBeLessThan(1e-6)
  // Each side comes first in two of the eight forms.
  const share = (x: number, y: number) =>
    (Number(x === 0) + Number(x === 6) + Number(y === 0) + Number(y === 3)) / 4
  const expected = { ...image, data: image.data.map((v, i) => v * share(i % 7, Math.floor(i / 7) % 4)) }
  expect(farthest(left!, expected)).toBeLessThan(1e-6)
})
