import { describe, expect, it } from 'vitest'
import { normal, seeded } from '../../nn/random.ts'
import { WINDOW } from './config.ts'
import { dftMatrix, FREQUENCY_COUNT, inverseDftMatrix } from './dft.ts'
import { AREA } from './windows.ts'

const random = seeded(1)
const window = Array.from({ length: AREA }, () => normal(random))
const times = (matrix: Float32Array, x: readonly number[]) =>
  Array.from({ length: matrix.length / x.length }, (_, i) =>
    x.reduce((sum, v, j) => sum + matrix[i * x.length + j]! * v, 0),
  )

describe('the transform of a window', () => {
  const spectrum = times(dftMatrix(), window)
  it('equals the direct formula', () => {
    for (let u = 0; u < WINDOW; u++)
      for (let v = 0; v <= WINDOW / 2; v++) {
        let [re, im] = [0, 0]
        window.forEach((value, pixel) => {
          const angle = (-2 * Math.PI * (u * Math.floor(pixel / WINDOW) + v * (pixel % WINDOW))) / WINDOW
          re += (value * Math.cos(angle)) / WINDOW
          im += (value * Math.sin(angle)) / WINDOW
        })
        const k = u * (WINDOW / 2 + 1) + v
        expect(spectrum[2 * k]).toBeCloseTo(re, 5)
        expect(spectrum[2 * k + 1]).toBeCloseTo(im, 5)
      }
  })
  it('is undone by its inverse', () => {
    const back = times(inverseDftMatrix(), spectrum)
    for (const [i, v] of window.entries()) expect(back[i]).toBeCloseTo(v, 5)
  })
  it('has all of a constant window at frequency 0', () => {
    const flat = times(dftMatrix(), new Array(AREA).fill(0.5))
    expect(flat[0]).toBeCloseTo(0.5 * WINDOW, 5)
    expect(Math.max(...flat.slice(1).map(Math.abs))).toBeLessThan(1e-6)
    expect(FREQUENCY_COUNT).toBe(40)
  })
})
