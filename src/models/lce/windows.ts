/** Windows of `WINDOW x WINDOW` pixels: the order of pixels by windows, shifted or not, and what attention needs. */
import { InputError } from '../../errors.ts'
import { WINDOW } from './config.ts'

/** Pixels of a window. */
export const AREA = WINDOW * WINDOW
/** By how much every second block's windows are shifted. */
export const SHIFT = WINDOW / 2
/** Far below any score. */
const MASKED = -1e9

/** @throws InputError unless both sides are positive multiples of the window */
export function checkSides(height: number, width: number): void {
  for (const [name, side] of Object.entries({ height, width }))
    if (!Number.isInteger(side) || side <= 0 || side % WINDOW !== 0)
      throw new InputError(name, `a positive multiple of ${WINDOW}`, `${side}`)
}

/**
 * Entry `i`: the row-major pixel at place `i` when pixels are sorted by window, windows and their pixels row-major.
 * @param shift windows start that many pixels to the right and below; the last ones wrap around
 */
export function windowOrder(height: number, width: number, shift: number): Int32Array {
  checkSides(height, width)
  const out = new Int32Array(height * width)
  let i = 0
  for (let top = 0; top < height; top += WINDOW)
    for (let left = 0; left < width; left += WINDOW)
      for (let y = 0; y < WINDOW; y++)
        for (let x = 0; x < WINDOW; x++)
          out[i++] = ((top + y + shift) % height) * width + ((left + x + shift) % width)
  return out
}

/** The order that undoes one. */
export function inverseOrder(order: Int32Array): Int32Array {
  const out = new Int32Array(order.length)
  order.forEach((from, to) => {
    out[from] = to
  })
  return out
}

/** The order that takes pixels sorted by `from` to pixels sorted by `to`. */
export function reorder(from: Int32Array, to: Int32Array): Int32Array {
  const place = inverseOrder(from)
  return to.map(pixel => place[pixel]!)
}

/**
 * `[windows, AREA, AREA]`, added to scores of windows shifted by `SHIFT`: hugely negative between pixels that are
 * neighbours only by wrapping around, else 0.
 */
export function wrapMask(height: number, width: number): Float32Array {
  checkSides(height, width)
  const [down, across] = [height / WINDOW, width / WINDOW]
  const out = new Float32Array(down * across * AREA * AREA)
  const wrapped = (last: boolean, place: number) => last && place >= WINDOW - SHIFT
  let i = 0
  for (let row = 0; row < down; row++)
    for (let column = 0; column < across; column++) {
      const side = (p: number) =>
        2 * Number(wrapped(row === down - 1, Math.floor(p / WINDOW))) +
        Number(wrapped(column === across - 1, p % WINDOW))
      for (let p = 0; p < AREA; p++)
        for (let q = 0; q < AREA; q++) out[i++] = side(p) === side(q) ? 0 : MASKED
    }
  return out
}

/** Distinct offsets between two pixels of a window. */
export const OFFSETS = (2 * WINDOW - 1) ** 2

/** `[AREA, AREA]`: which of the `OFFSETS` lies between two pixels of a window. */
export function relativeIndex(): Int32Array {
  return Int32Array.from({ length: AREA * AREA }, (_, i) => {
    const [p, q] = [Math.floor(i / AREA), i % AREA]
    const dy = Math.floor(p / WINDOW) - Math.floor(q / WINDOW) + WINDOW - 1
    const dx = (p % WINDOW) - (q % WINDOW) + WINDOW - 1
    return dy * (2 * WINDOW - 1) + dx
  })
}
