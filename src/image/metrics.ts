/** PSNR and SSIM as super-resolution papers measure them: on the luma of 8-bit images, away from the border. */
import { InputError } from '../errors.ts'
import { gaussianTaps } from './blur.ts'
import { type Image, quantise } from './image.ts'
import { slideTaps } from './window.ts'

/** One channel of doubles, row-major. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly data: Float64Array
}

/** Decibels, and the mean structural similarity. */
export interface Quality {
  psnr: number
  ssim: number
}

const SSIM_SIZE = 11
const WINDOW = gaussianTaps(SSIM_SIZE, 1.5)
const C1 = (0.01 * 255) ** 2
const C2 = (0.03 * 255) ** 2

/** The luma of BT.601 in studio range, 16 to 235, unrounded; a grey image counts as three equal channels. */
export function luma({ width, height, channels, data }: Image): Plane {
  if (channels !== 1 && channels !== 3) throw new InputError('image', '1 or 3 channels', `${channels}`)
  const n = width * height
  const [g, b] = channels === 3 ? [n, 2 * n] : [0, 0]
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) out[i] = 16 + 65.481 * data[i]! + 128.553 * data[g + i]! + 24.966 * data[b + i]!
  return { width, height, data: out }
}

/**
 * How close an image is to its reference, both taken as 8 bits, on the luma.
 * @param border pixels left out on every side: the scale, by convention
 * @returns PSNR (infinite for equal images) and SSIM (not a number if less than 11 x 11 pixels remain)
 * @throws InputError if the sizes differ or nothing remains
 */
export function quality(image: Image, reference: Image, border: number): Quality {
  checkSame(image, reference)
  const a = shave(luma(quantise(image)), border)
  const b = shave(luma(quantise(reference)), border)
  return { psnr: psnr(a, b), ssim: ssim(a, b) }
}

/** PSNR over all channels, peak 1, without rounding. */
export function psnrOfSamples(a: Image, b: Image): number {
  checkSame(a, b)
  if (a.channels !== b.channels) throw new InputError('image', `${b.channels} channels`, `${a.channels}`)
  return decibels(meanSquare(a.data, b.data), 1)
}

/** PSNR of two planes, peak 255. */
export function psnr(a: Plane, b: Plane): number {
  checkSame(a, b)
  return decibels(meanSquare(a.data, b.data), 255)
}

/** Mean SSIM of two planes, peak 255: 11 x 11 Gaussian window, sigma 1.5, only where the window fits. */
export function ssim(a: Plane, b: Plane): number {
  checkSame(a, b)
  if (a.width < SSIM_SIZE || a.height < SSIM_SIZE) return Number.NaN
  const [ma, mb] = [means(a), means(b)]
  const squares = means({ ...a, data: a.data.map((v, i) => v * v + b.data[i]! ** 2) })
  const products = means({ ...a, data: a.data.map((v, i) => v * b.data[i]!) })
  let sum = 0
  for (let i = 0; i < ma.length; i++) {
    const xy = ma[i]! * mb[i]!
    const xxyy = ma[i]! ** 2 + mb[i]! ** 2
    sum += ((2 * xy + C1) * (2 * (products[i]! - xy) + C2)) / ((xxyy + C1) * (squares[i]! - xxyy + C2))
  }
  return sum / ma.length
}

/** Without `border` pixels on every side. */
function shave({ width, height, data }: Plane, border: number): Plane {
  const [w, h] = [width - 2 * border, height - 2 * border]
  if (w < 1 || h < 1)
    throw new InputError('image', `more than ${2 * border} pixels a side`, `${width} x ${height}`)
  const out = new Float64Array(w * h)
  for (let y = 0; y < h; y++) {
    const row = (y + border) * width + border
    out.set(data.subarray(row, row + w), y * w)
  }
  return { width: w, height: h, data: out }
}

/** Gaussian window means where the window fits: `[height - 10, width - 10]`. */
const means = ({ width, height, data }: Plane): Float64Array => slideTaps(data, width, height, WINDOW)

function meanSquare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return sum / a.length
}

const decibels = (meanSquareError: number, peak: number): number =>
  10 * Math.log10(peak ** 2 / meanSquareError)

function checkSame(a: { width: number; height: number }, b: { width: number; height: number }): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new InputError(
      'image',
      `${b.width} x ${b.height} pixels as the reference`,
      `${a.width} x ${a.height}`,
    )
}
