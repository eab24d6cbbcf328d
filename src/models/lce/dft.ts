/**
 * The orthonormal two-dimensional Fourier transform of a real window, as two public matrices: the transform is a
 * contraction like any other, which a proof needs no relation of its own for.
 */
import { WINDOW } from './config.ts'
import { AREA } from './windows.ts'

/** Frequencies of a real window: `u` in [0, WINDOW), `v` in [0, WINDOW/2]; the others are conjugates of these. */
export const FREQUENCY_COUNT = WINDOW * (WINDOW / 2 + 1)

const frequencies = Array.from({ length: FREQUENCY_COUNT }, (_, k) => {
  const columns = WINDOW / 2 + 1
  return { u: Math.floor(k / columns), v: k % columns }
})
const angle = (k: number, pixel: number): number => {
  const { u, v } = frequencies[k]!
  // Reduced first, so that equal angles give equal floats.
  const turns = (u * Math.floor(pixel / WINDOW) + v * (pixel % WINDOW)) % WINDOW
  return (2 * Math.PI * turns) / WINDOW
}

/** `[2 FREQUENCY_COUNT, AREA]`: row `2k` is the real part, `2k + 1` the imaginary part of `sum x e^(-i angle) / WINDOW`. */
export function dftMatrix(): Float32Array {
  return Float32Array.from({ length: 2 * FREQUENCY_COUNT * AREA }, (_, i) => {
    const [row, pixel] = [Math.floor(i / AREA), i % AREA]
    return wave(row, pixel) / WINDOW
  })
}

/** `[AREA, 2 FREQUENCY_COUNT]`: the inverse. A frequency whose conjugate is not listed counts twice. */
export function inverseDftMatrix(): Float32Array {
  return Float32Array.from({ length: AREA * 2 * FREQUENCY_COUNT }, (_, i) => {
    const [pixel, row] = [Math.floor(i / (2 * FREQUENCY_COUNT)), i % (2 * FREQUENCY_COUNT)]
    const { v } = frequencies[row >> 1]!
    const times = v === 0 || v === WINDOW / 2 ? 1 : 2
    return (times * wave(row, pixel)) / WINDOW
  })
}

function wave(row: number, pixel: number): number {
  const a = angle(row >> 1, pixel)
  return row % 2 === 0 ? Math.cos(a) : -Math.sin(a)
}
