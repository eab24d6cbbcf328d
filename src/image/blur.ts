/** Gaussian blur kernels, and filtering with reflected borders. */
import { InputError } from '../errors.ts'
import { blank, type Border, type Image } from './image.ts'
import { slideKernel, slideTaps } from './window.ts'

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
  return bordered(image, (size - 1) / 2, (data, width, height) => slideTaps(data, width, height, taps))
}

/** Filters with a kernel, by default between reflected borders. */
export function filter(image: Image, { size, weights }: Kernel, border: Border = reflect): Image {
  return bordered(
    image,
    (size - 1) / 2,
    (data, width, height) => slideKernel(data, width, height, weights),
    border,
  )
}

/** Applies `slide`, which loses `margin` pixels a side, to every channel between margins. */
function bordered(
  image: Image,
  margin: number,
  slide: (data: Float64Array, width: number, height: number) => Float64Array,
  border: Border = reflect,
): Image {
  const { width, height, channels, data } = image
  const out = blank(width, height, channels)
  const [w, h] = [width + 2 * margin, height + 2 * margin]
  const columns = Int32Array.from({ length: w }, (_, x) => border(x - margin, width))
  const padded = new Float64Array(w * h)
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < h; y++) {
      const row = (c * height + border(y - margin, height)) * width
      for (let x = 0; x < w; x++) padded[y * w + x] = data[row + columns[x]!]!
    }
    out.data.set(slide(padded, w, h), c * width * height)
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
