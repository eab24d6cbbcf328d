/** Batches of degraded patches with what the networks are to make of them. */
import { BLUR_SIZE, gaussianTaps } from '../../../image/blur.ts'
import type { Scale } from '../../../image/degrade.ts'
import { blank, cut, type Image, quantise } from '../../../image/image.ts'
import type { Random } from '../../../nn/random.ts'
import type { LceConfig } from '../config.ts'
import { bicubicTaps, filterCorrected } from '../filter.ts'
import { type Corpus, drawPatch } from './corpus.ts'

/** Largest standard deviation of the blur in training, in high-resolution pixels; the smallest is always 0.2. */
const WIDEST: Readonly<Record<Scale, number>> = { 2: 2, 3: 3, 4: 4 }
const NARROWEST = 0.2

/** Low-resolution pixels around a patch that blur and downsampling reach, so that no border is seen in training. */
export function margin(scale: Scale): number {
  return Math.ceil((BLUR_SIZE - 1) / 2 / scale + 2.5)
}

/** Side of the high-resolution patch that a low-resolution one of `patch` pixels is made from. */
export const sourceSide = (scale: Scale, patch: number): number => scale * (patch + 2 * margin(scale))

export interface Batch {
  /** Low-resolution patches `[n, 3, patch, patch]`, blurred and rounded to 8 bits. */
  readonly lr: Float32Array
  /** What `lr` would be without blur and rounding. */
  readonly clear: Float32Array
  /** What goes into the network as the corrected image, where that comes from outside. */
  readonly clr: Float32Array
  /** High-resolution patches `[n, 3 f f, scale patch / f, scale patch / f]`, unshuffled by `f`. */
  readonly hr: Float32Array
}

/** @param factor of the network's last pixel shuffle */
export function drawBatch(
  corpus: Corpus,
  config: LceConfig,
  rows: number,
  patch: number,
  factor: number,
  random: Random,
): Batch {
  const { scale } = config
  const low = 3 * patch * patch
  const batch = {
    lr: new Float32Array(rows * low),
    clear: new Float32Array(rows * low),
    clr: new Float32Array(rows * low),
    hr: new Float32Array(rows * low * scale * scale),
  }
  for (let row = 0; row < rows; row++) {
    const source = drawPatch(corpus, sourceSide(scale, patch), random)
    const sigma = NARROWEST + random() * (WIDEST[scale] - NARROWEST)
    const symmetry = Math.floor(random() * 8)
    const [lr, clear] = [quantise(lowered(source, scale, patch, sigma)), lowered(source, scale, patch)]
    const edge = scale * margin(scale)
    const high = cut(source, { left: edge, top: edge, width: scale * patch, height: scale * patch })
    batch.lr.set(turned(lr, symmetry).data, row * low)
    batch.clear.set(turned(clear, symmetry).data, row * low)
    if (config.corrector === 'oracle') batch.clr.set(turned(clear, symmetry).data, row * low)
    if (config.corrector === 'filter')
      batch.clr.set(turned(filterCorrected(lr, scale, sigma), symmetry).data, row * low)
    batch.hr.set(pixelUnshuffle(turned(high, symmetry), factor), row * low * scale * scale)
  }
  return batch
}

/**
 * The inner low-resolution pixels of a patch: what `degrade` and `clearLow` make of the whole, without rounding and
 * without the margin. Blur and downsampling are one filter here, worked out at the pixels that stay.
 * @param sigma of the blur; none for bicubic downsampling alone
 */
export function lowered(source: Image, scale: Scale, patch: number, sigma?: number): Image {
  const sample = bicubicTaps(scale)
  const taps = sigma === undefined ? sample : convolved(sample, gaussianTaps(BLUR_SIZE, sigma))
  // The centre of the first pixel that stays, minus half the taps.
  const first = scale * margin(scale) + (scale - 1) / 2 - (taps.length - 1) / 2
  const { width: side, channels, data } = source
  const out = blank(patch, patch, channels)
  const line = new Float64Array(side)
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < patch; y++) {
      filterRows(data, (c * side + first + scale * y) * side, side, taps, line)
      for (let x = 0, to = (c * patch + y) * patch, from = first; x < patch; x++, from += scale) {
        let sum = 0
        for (let t = 0; t < taps.length; t++) sum += taps[t]! * line[from + t]!
        out.data[to + x] = sum
      }
    }
  return out
}

/** `line[x] = sum_t taps[t] data[from + t side + x]`, four pixels a turn: a source's side is a multiple of four. */
function filterRows(
  data: Float32Array,
  from: number,
  side: number,
  taps: Float64Array,
  line: Float64Array,
): void {
  for (let x = 0; x < side; x += 4) {
    let [a, b, c, d] = [0, 0, 0, 0]
    for (let t = 0, i = from + x; t < taps.length; t++, i += side) {
      const tap = taps[t]!
      a += tap * data[i]!
      b += tap * data[i + 1]!
      c += tap * data[i + 2]!
      d += tap * data[i + 3]!
    }
    line[x] = a
    line[x + 1] = b
    line[x + 2] = c
    line[x + 3] = d
  }
}

function convolved(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length - 1)
  for (const [i, v] of a.entries()) for (const [j, w] of b.entries()) out[i + j]! += v * w
  return out
}

/** One of the eight symmetries of a square image: bit 0 flips rows, bit 1 columns, bit 2 swaps rows and columns. */
export function turned(image: Image, which: number): Image {
  const side = image.width
  const data = new Float32Array(image.data.length)
  for (let c = 0; c < image.channels; c++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const [a, b] = which & 4 ? [x, y] : [y, x]
        const [row, column] = [which & 1 ? side - 1 - a : a, which & 2 ? side - 1 - b : b]
        data[(c * side + y) * side + x] = image.data[(c * side + row) * side + column]!
      }
  return { ...image, data }
}

/** `[c, s h, s w]` to `[c s s, h, w]`: inverse of the network's pixel shuffle. */
export function pixelUnshuffle({ width, height, channels, data }: Image, s: number): Float32Array {
  const out = new Float32Array(data.length)
  let at = 0
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < s; i++)
      for (let j = 0; j < s; j++)
        for (let y = i; y < height; y += s)
          for (let x = j; x < width; x += s) out[at++] = data[(c * height + y) * width + x]!
  return out
}
