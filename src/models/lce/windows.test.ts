import { describe, expect, it } from 'vitest'
import { WINDOW } from './config.ts'
import { AREA, inverseOrder, relativeIndex, reorder, SHIFT, windowOrder, wrapMask } from './windows.ts'

const H = 2 * WINDOW
const W = 3 * WINDOW

describe('windows', () => {
  it('sorts pixels by windows, row-major in each', () => {
    const order = windowOrder(H, W, 0)
    expect([...order.slice(0, WINDOW + 1)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, W])
    expect(order[AREA]).toBe(WINDOW)
    expect(order[3 * AREA]).toBe(WINDOW * W)
  })
  it('starts shifted windows inside and wraps the last ones around', () => {
    const order = windowOrder(H, W, SHIFT)
    expect(order[0]).toBe(SHIFT * W + SHIFT)
    expect(order.at(-1)).toBe((SHIFT - 1) * W + SHIFT - 1)
  })
  it('undoes an order, and goes from one to another', () => {
    const [a, b] = [windowOrder(H, W, 0), windowOrder(H, W, SHIFT)]
    expect([...inverseOrder(a).map(i => a[i]!)]).toEqual([...Array(H * W).keys()])
    // Pixels sorted by a, put in the order of b.
    expect([...reorder(a, b).map(i => a[i]!)]).toEqual([...b])
  })
  it('refuses sides that windows do not fill', () => {
    expect(() => windowOrder(H, W + 1, 0)).toThrow(/width: expected a positive multiple of 8/)
    expect(() => wrapMask(0, W)).toThrow(/height/)
  })
})

describe('wrapMask', () => {
  const mask = wrapMask(H, W)
  const at = (window: number, p: number, q: number) => mask[(window * AREA + p) * AREA + q]
  it('leaves windows alone that do not wrap', () => {
    expect(mask.slice(0, AREA * AREA).every(v => v === 0)).toBe(true)
  })
  it('parts what only wrapping brings together', () => {
    const order = windowOrder(H, W, SHIFT)
    for (let window = 0; window < (H * W) / AREA; window++)
      for (const [p, q] of [
        [0, 1],
        [0, AREA - 1],
        [SHIFT, SHIFT - 1],
        [SHIFT * WINDOW, (SHIFT - 1) * WINDOW],
      ] as const) {
        const [a, b] = [order[window * AREA + p]!, order[window * AREA + q]!]
        const near =
          Math.abs((a % W) - (b % W)) < WINDOW && Math.abs(Math.floor(a / W) - Math.floor(b / W)) < WINDOW
        expect(at(window, p, q) === 0).toBe(near)
      }
  })
})

describe('relativeIndex', () => {
  it('is equal for equal offsets, and mirrored for opposite ones', () => {
    const index = relativeIndex()
    const of = (p: number, q: number) => index[p * AREA + q]!
    expect(of(0, 1)).toBe(of(9, 10))
    expect(of(0, 0)).toBe(of(AREA - 1, AREA - 1))
    expect(of(3, 12) + of(12, 3)).toBe(2 * of(0, 0))
    expect(new Set(index).size).toBe((2 * WINDOW - 1) ** 2)
  })
})
