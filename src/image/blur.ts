/** Gaussian blur kernels, and filtering with reflected borders. */
import { InputError } from '../errors.ts'
import { blank, type Image } from './image.ts'

/** `weights` is `[size, size]`, row-major, with sum 1; symmetric under a half turn; `size` is odd. */
export interface Kernel {
  readonly size: number
  readonly weights: Float64Array
}

/** The side of the blur kernels of the evaluation. */
export const BLUR_SIZE = 21

/**
 * A sampled Gaussian, normalised.
 * @param sigmas standard deviations along the first and the second principal axis, in pixels, positive
 * @param angle of the first axis against the rows, in radians, from x towards y (downwards)
 */
export function gaussianKernel(size: number, sigmas: readonly [number, number], angle = 0): Kernel {
  checkSize(size)
  for (const sigma of sigmas) checkSigma(sigma)
  const [first, second] = sigmas
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const half = (size - 1) / 2
  const weights = Float64Array.from({ length: size * size }, (_, i) => {
    const x = (i % size) - half
    const y = Math.floor(i / size) - half
    const along = (cos * x + sin * y) / first
    const across = (cos * y - sin * x) / second
    return Math.exp(-(along * along + across * across) / 2)
  })
  return { size, weights: normalised(weights) }
}

/** The isotropic Gaussian, one axis of it: its outer product with itself is the kernel. */
export function gaussianTaps(size: number, sigma: number): Float64Array {
  checkSize(size)
  checkSigma(sigma)
  const half = (size - 1) / 2
  return normalised(Float64Array.from({ length: size }, (_, i) => Math.exp(-(((i - half) / sigma) ** 2) / 2)))
}

/** Blurs with the normalised `size x size` Gaussian of standard deviation `sigma` pixels, reflected at the borders. */
export function blurIsotropic(image: Image, sigma: number, size = BLUR_SIZE): Image {
  const taps = gaussianTaps(size, sigma)
  return filterSeparable(image, taps, taps)
}

/** Filters columns and rows with odd-sized taps; the border is reflected without repeating the edge pixel. */
export function filterSeparable(image: Image, vertical: Float64Array, horizontal: Float64Array): Image {
  const { width, height, channels } = image
  const middle = blank(width, height, channels)
  const out = blank(width, height, channels)
  const sum = new Float64Array(width)
  const halfY = (vertical.length - 1) / 2
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      sum.fill(0)
      for (let t = 0; t < vertical.length; t++)
        addRow(sum, image, c, reflect(y + t - halfY, height), vertical[t]!)
      middle.data.set(sum, (c * height + y) * width)
    }
  }
  const halfX = (horizontal.length - 1) / 2
  const padded = new Float64Array(width + 2 * halfX)
  for (let row = 0; row < channels * height; row++) {
    padRow(padded, middle.data, row * width, width, halfX)
    for (let x = 0; x < width; x++) {
      let value = 0
      for (let t = 0; t < horizontal.length; t++) value += horizontal[t]! * padded[x + t]!
      out.data[row * width + x] = value
    }
  }
  return out
}

/** Filters with a kernel; the border is reflected without repeating the edge pixel. */
export function filter(image: Image, { size, weights }: Kernel): Image {
  const { width, height, channels } = image
  const out = blank(width, height, channels)
  const half = (size - 1) / 2
  const padded = new Float64Array(width + 2 * half)
  const sum = new Float64Array(width)
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      sum.fill(0)
      for (let i = 0; i < size; i++) {
        padRow(padded, image.data, (c * height + reflect(y + i - half, height)) * width, width, half)
        for (let j = 0; j < size; j++) {
          const w = weights[i * size + j]!
          if (w > 0) for (let x = 0; x < width; x++) sum[x]! += w * padded[x + j]!
        }
      }
      out.data.set(sum, (c * height + y) * width)
    }
  }
  return out
}

/** Mirror without repeating the edge, period 2(n - 1): ... 2 1 | 0 1 ... n-1 | n-2 ... */
export function reflect(index: number, length: number): number {
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const folded = ((index % period) + period) % period
  return folded < length ? folded : period - folded
}

function addRow(
  sum: Float64Array,
  { width, height, data }: Image,
  c: number,
  y: number,
  weight: number,
): void {
  const row = (c * height + y) * width
  for (let x = 0; x < width; x++) sum[x]! += weight * data[row + x]!
}

/** Copies a row between two reflected margins of `half` pixels. */
function padRow(padded: Float64Array, data: Float32Array, row: number, width: number, half: number): void {
  for (let x = 0; x < width; x++) padded[half + x] = data[row + x]!
  for (let x = 1; x <= half; x++) {
    padded[half - x] = data[row + reflect(-x, width)]!
    padded[half + width - 1 + x] = data[row + reflect(width - 1 + x, width)]!
  }
}

function normalised(weights: Float64Array): Float64Array {
  const sum = weights.reduce((s, w) => s + w, 0)
  return weights.map(w => w / sum)
}

function checkSize(size: number): void {
  if (!Number.isInteger(size) || size < 1 || size % 2 === 0)
    throw new InputError('size', 'an odd integer', `${size}`)
}

function checkSigma(sigma: number): void {
  if (!(sigma > 0 && Number.isFinite(sigma))) throw new InputError('sigma', 'a positive number', `${sigma}`)
}
