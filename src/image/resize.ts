/** Bicubic resizing exactly as Matlab's `imresize` does it. */
import { blank, type Image, mirror } from './image.ts'

/**
 * Keys' kernel with a = -0.5, widened by the scale when shrinking (antialiasing), weights normalised for each output
 * pixel, symmetric padding. The scale of an axis is its output length over its input length. Not clamped: bicubic
 * interpolation overshoots.
 */
export function resizeBicubic(image: Image, height: number, width: number): Image {
  return resizeColumns(resizeRows(image, height), width)
}

/** Input positions and weights of the output positions of one axis: `taps` of each, position-major. */
interface Taps {
  readonly taps: number
  readonly index: Int32Array
  readonly weight: Float64Array
}

/** Keys' cubic convolution kernel, a = -0.5; zero beyond 2. */
export function cubic(x: number): number {
  const t = Math.abs(x)
  if (t <= 1) return (1.5 * t - 2.5) * t * t + 1
  return t <= 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
}

const cache = new Map<string, Taps>()

function tapsOf(input: number, output: number): Taps {
  const key = `${input}:${output}`
  const known = cache.get(key)
  if (known) return known
  const made = makeTaps(input, output)
  if (cache.size >= 64) cache.clear()
  cache.set(key, made)
  return made
}

function makeTaps(input: number, output: number): Taps {
  const scale = output / input
  const shrink = Math.min(1, scale)
  const reach = 2 / shrink
  const taps = Math.ceil(2 * reach) + 1
  const index = new Int32Array(output * taps)
  const weight = new Float64Array(output * taps)
  for (let o = 0; o < output; o++) {
    // Pixel centres lie at half-integers on both grids.
    const centre = (o + 0.5) / scale - 0.5
    const first = Math.ceil(centre - reach)
    let sum = 0
    for (let t = 0; t < taps; t++) {
      index[o * taps + t] = mirror(first + t, input)
      sum += weight[o * taps + t] = cubic((first + t - centre) * shrink)
    }
    for (let t = 0; t < taps; t++) weight[o * taps + t]! /= sum
  }
  return { taps, index, weight }
}

function resizeRows(image: Image, height: number): Image {
  if (height === image.height) return image
  const { width, channels, data } = image
  const out = blank(width, height, channels)
  const { taps, index, weight } = tapsOf(image.height, height)
  const sum = new Float64Array(width)
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      sum.fill(0)
      for (let t = y * taps; t < (y + 1) * taps; t++) {
        const w = weight[t]!
        if (w === 0) continue
        const row = (c * image.height + index[t]!) * width
        for (let x = 0; x < width; x++) sum[x]! += w * data[row + x]!
      }
      out.data.set(sum, (c * height + y) * width)
    }
  }
  return out
}

function resizeColumns(image: Image, width: number): Image {
  if (width === image.width) return image
  const { height, channels, data } = image
  const out = blank(width, height, channels)
  const { taps, index, weight } = tapsOf(image.width, width)
  for (let row = 0; row < channels * height; row++) {
    const from = row * image.width
    for (let x = 0, t = 0; x < width; x++) {
      let sum = 0
      for (const end = t + taps; t < end; t++) sum += weight[t]! * data[from + index[t]!]!
      out.data[row * width + x] = sum
    }
  }
  return out
}
