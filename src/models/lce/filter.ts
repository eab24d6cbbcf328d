/**
 * The closed-form correction filter (Abu Hussein, Tirer and Giryes, CVPR 2020): turns a low-resolution image made with a
 * known blur into the one that bicubic downsampling alone would have made, as far as a linear filter can.
 */
import { BLUR_SIZE, filter, gaussianTaps, type Kernel } from '../../image/blur.ts'
import type { Scale } from '../../image/degrade.ts'
import { type Image, mirror } from '../../image/image.ts'
import { cubic } from '../../image/resize.ts'

/** Period of the filter's frequencies in low-resolution pixels; its kernel is one less wide. */
const PERIOD = 32
/** Bounds the gain where the blur leaves less than the rounding to 8 bits adds. */
const EPSILON = 0.05
/** Blurs of the filter bank in low-resolution pixels, ascending, and the side of its kernels. */
const BANK_SIGMAS = [0.3, 0.38, 0.46, 0.54, 0.62, 0.7, 0.78, 0.86, 0.94]
const BANK_SIZE = 13

/** `sum_t taps[t] cos(2 pi m (t - middle) / n)`: the spectrum of symmetric taps, at all n frequencies. */
function spectrum(taps: ArrayLike<number>, n: number): Float64Array {
  const middle = (taps.length - 1) / 2
  return Float64Array.from({ length: n }, (_, m) => {
    let sum = 0
    for (let t = 0; t < taps.length; t++) sum += taps[t]! * Math.cos((2 * Math.PI * m * (t - middle)) / n)
    return sum
  })
}

/** Taps of antialiased bicubic downsampling by `scale` (see `resizeBicubic`), around the centre of a low-resolution pixel. */
export function bicubicTaps(scale: Scale): Float64Array {
  // Of the scale's parity: that centre lies between two pixels if the scale is even.
  const length = 4 * scale - (scale % 2)
  const taps = Float64Array.from({ length }, (_, t) => cubic((t - (length - 1) / 2) / scale))
  const sum = taps.reduce((a, b) => a + b)
  return taps.map(t => t / sum)
}

/**
 * The filter's kernel for an isotropic Gaussian of standard deviation `sigma` high-resolution pixels. With spectra B of
 * the blur and R of bicubic downsampling, `down` adding up what downsampling folds onto a frequency,
 * `q = down(B R^2)`, `n = down(R^2)`: `H = n q / (q^2 + epsilon^2)`.
 */
export function correctionKernel(scale: Scale, sigma: number): Kernel {
  const fine = scale * PERIOD
  const blur = spectrum(gaussianTaps(BLUR_SIZE, sigma), fine)
  const power = spectrum(bicubicTaps(scale), fine).map(r => r * r)
  const down = (a: Float64Array) =>
    Float64Array.from({ length: PERIOD }, (_, k) => {
      let sum = 0
      for (let j = 0; j < scale; j++) sum += a[k + j * PERIOD]!
      return sum
    })
  const n = down(power)
  const q = down(power.map((p, m) => p * blur[m]!))
  const gain = (u: number, v: number) =>
    (n[u]! * n[v]! * q[u]! * q[v]!) / ((q[u]! * q[v]!) ** 2 + EPSILON ** 2)
  return inverseSpectrum(gain)
}

/** Kernel of a real, even gain on `PERIOD x PERIOD` frequencies, scaled to sum 1. */
function inverseSpectrum(gain: (u: number, v: number) => number): Kernel {
  const size = PERIOD - 1
  const half = (size - 1) / 2
  const cos = Float64Array.from({ length: PERIOD }, (_, i) => Math.cos((2 * Math.PI * i) / PERIOD))
  // Rows first: `[u, x]`.
  const rows = new Float64Array(PERIOD * size)
  for (let u = 0; u < PERIOD; u++)
    for (let x = 0; x < size; x++)
      for (let v = 0; v < PERIOD; v++)
        rows[u * size + x]! += gain(u, v) * cos[(v * Math.abs(x - half)) % PERIOD]!
  const weights = new Float64Array(size * size)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (let u = 0; u < PERIOD; u++)
        weights[y * size + x]! += rows[u * size + x]! * cos[(u * Math.abs(y - half)) % PERIOD]!
  const sum = weights.reduce((a, b) => a + b)
  return { size, weights: weights.map(w => w / sum) }
}

/**
 * Kernels for a few blurs, cut to the middle: `count` of `size x size`, each of sum 1.
 * @returns weights `[count, 1, size, size]`
 */
export function correctionBank(scale: Scale): { count: number; size: number; weights: Float32Array } {
  const kernels = BANK_SIGMAS.map(sigma => {
    const { size, weights } = correctionKernel(scale, scale * sigma)
    const edge = (size - BANK_SIZE) / 2
    const middle = Array.from({ length: BANK_SIZE ** 2 }, (_, i) => {
      const [y, x] = [Math.floor(i / BANK_SIZE), i % BANK_SIZE]
      return weights[(y + edge) * size + x + edge]!
    })
    const sum = middle.reduce((a, b) => a + b)
    return middle.map(w => w / sum)
  })
  return { count: kernels.length, size: BANK_SIZE, weights: Float32Array.from(kernels.flat()) }
}

/**
 * What a blur is made of: shares of no blur and of the blurs of the bank, nonzero for the two next to it.
 * @param sigma standard deviation in high-resolution pixels
 * @returns `[1 + bank]`, sum 1
 */
export function bankShares(scale: Scale, sigma: number): Float32Array {
  const known = [0, ...BANK_SIGMAS]
  const shares = new Float32Array(known.length)
  const above = known.findIndex(s => s * scale >= sigma)
  if (above < 0) shares[known.length - 1] = 1
  else if (above === 0) shares[0] = 1
  else {
    const [low, high] = [known[above - 1]! * scale, known[above]! * scale]
    shares[above] = (sigma - low) / (high - low)
    shares[above - 1] = 1 - shares[above]!
  }
  return shares
}

/**
 * The corrected image of one whose blur is known: an isotropic Gaussian of `sigma` high-resolution pixels. The blurred
 * image is nearly symmetric about its edge, since its source was mirrored there.
 */
export function filterCorrected(lr: Image, scale: Scale, sigma: number): Image {
  return filter(lr, correctionKernel(scale, sigma), mirror)
}
