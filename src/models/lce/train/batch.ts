/** Batches of degraded patches with what the networks are to make of them. */
import { InputError } from '../../../errors.ts'
import { BLUR_SIZE, gaussianKernel, gaussianTaps, type Kernel } from '../../../image/blur.ts'
import type { Scale } from '../../../image/degrade.ts'
import { blank, cut, type Image, quantise } from '../../../image/image.ts'
import { SYMMETRIES, turned } from '../../../image/symmetry.ts'
import type { Random } from '../../../nn/random.ts'
import type { LceConfig } from '../config.ts'
import { bankShares, bicubicTaps, filterCorrected } from '../filter.ts'
import { type Corpus, drawPatch } from './corpus.ts'
import type { BatchOptions, Blur } from './options.ts'

/** Largest standard deviation of isotropic blur in training, in high-resolution pixels; the smallest is always 0.2. */
const WIDEST: Readonly<Record<Scale, number>> = { 2: 2, 3: 3, 4: 4 }
const NARROWEST = 0.2
/** Standard deviations along the axes of anisotropic blur, in high-resolution pixels, and the side of its kernels. */
const AXES = [0.6, 5] as const
const ANISOTROPIC_SIZE: Readonly<Record<Scale, number>> = { 2: 11, 3: 21, 4: 31 }

const blurSize = (scale: Scale, blur: Blur): number =>
  blur === 'isotropic' ? BLUR_SIZE : ANISOTROPIC_SIZE[scale]

/** Low-resolution pixels around a patch that blur and downsampling reach, so that no border is seen in training. */
export function margin(scale: Scale, blur: Blur): number {
  return Math.ceil((blurSize(scale, blur) - 1) / 2 / scale + 2.5)
}

/** Side of the high-resolution patch that a low-resolution one of `patch` pixels is made from. */
export const sourceSide = (scale: Scale, patch: number, blur: Blur): number =>
  scale * (patch + 2 * margin(scale, blur))

export interface Batch {
  /** Low-resolution patches `[n, 3, patch, patch]`, blurred and rounded to 8 bits. */
  readonly lr: Float32Array
  /** What `lr` would be without blur and rounding. */
  readonly clear: Float32Array
  /** What goes into the network as the corrected image, where that comes from outside. */
  readonly clr: Float32Array
  /** The shares that the Corrector is to see of each blur (`bankShares`), `[n, 1 + bank]`; 0 where the blur is not isotropic. */
  readonly blur: Float32Array
  /** High-resolution patches `[n, 3 f f, scale patch / f, scale patch / f]`, unshuffled by `f`. */
  readonly hr: Float32Array
}

/**
 * @param factor of the network's last pixel shuffle
 * @throws InputError where the closed-form filter is to correct anisotropic blur
 */
export function drawBatch(
  corpus: Corpus,
  { scale, corrector }: LceConfig,
  { rows, patch, blur }: BatchOptions,
  factor: number,
  random: Random,
): Batch {
  const low = 3 * patch * patch
  const batch = {
    lr: new Float32Array(rows * low),
    clear: new Float32Array(rows * low),
    clr: new Float32Array(rows * low),
    blur: new Float32Array(rows * bankShares(scale, 0).length),
    hr: new Float32Array(rows * low * scale * scale),
  }
  const edge = margin(scale, blur)
  for (let row = 0; row < rows; row++) {
    const source = drawPatch(corpus, sourceSide(scale, patch, blur), random)
    const drawn = drawBlur(scale, blur, random)
    const symmetry = SYMMETRIES[Math.floor(random() * SYMMETRIES.length)]!
    const lr = quantise(lowered(source, scale, edge, drawn))
    const clear = turned(lowered(source, scale, edge), symmetry).data
    const high = cut(source, {
      left: scale * edge,
      top: scale * edge,
      width: scale * patch,
      height: scale * patch,
    })
    batch.lr.set(turned(lr, symmetry).data, row * low)
    batch.clear.set(clear, row * low)
    if (corrector === 'oracle') batch.clr.set(clear, row * low)
    if (corrector === 'filter') {
      if (typeof drawn !== 'number')
        throw new InputError('blur', 'isotropic, for the closed-form filter', blur)
      batch.clr.set(turned(filterCorrected(lr, scale, drawn), symmetry).data, row * low)
    }
    if (typeof drawn === 'number') {
      const shares = bankShares(scale, drawn)
      batch.blur.set(shares, row * shares.length)
    }
    batch.hr.set(pixelUnshuffle(turned(high, symmetry), factor), row * low * scale * scale)
  }
  return batch
}

/** A standard deviation, or a kernel. */
function drawBlur(scale: Scale, blur: Blur, random: Random): number | Kernel {
  const between = (low: number, high: number) => low + random() * (high - low)
  if (blur === 'isotropic') return between(NARROWEST, WIDEST[scale])
  const sigmas = [between(...AXES), between(...AXES)] as const
  return gaussianKernel(blurSize(scale, blur), sigmas, between(0, Math.PI))
}

/**
 * The inner low-resolution pixels of a patch: what `degrade` and `clearLow` make of the whole, without rounding and
 * without the margin. Blur and downsampling are one filter here, worked out at the pixels that stay.
 * @param edge the margin, in low-resolution pixels
 * @param blur the standard deviation of the 21 x 21 Gaussian, or a kernel; none for bicubic downsampling alone
 */
export function lowered(source: Image, scale: Scale, edge: number, blur?: number | Kernel): Image {
  const sample = bicubicTaps(scale)
  if (blur === undefined) return filteredDown(source, scale, edge, sample)
  if (typeof blur === 'number')
    return filteredDown(source, scale, edge, convolved(sample, gaussianTaps(BLUR_SIZE, blur)))
  return kernelDown(source, scale, edge, sampled(blur, sample))
}

/** Where the filter of an axis begins for the first pixel that stays: its centre, minus half the taps. */
const firstTap = (scale: Scale, edge: number, taps: number): number =>
  scale * edge + (scale - 1) / 2 - (taps - 1) / 2

/** Both axes by the same taps. */
function filteredDown(source: Image, scale: Scale, edge: number, taps: Float64Array): Image {
  const first = firstTap(scale, edge, taps.length)
  const { width: side, channels, data } = source
  const patch = side / scale - 2 * edge
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

/** The same by a kernel that need not be separable. */
function kernelDown(source: Image, scale: Scale, edge: number, { size, weights }: Kernel): Image {
  const first = firstTap(scale, edge, size)
  const { width: side, channels, data } = source
  const patch = side / scale - 2 * edge
  const out = blank(patch, patch, channels)
  for (let c = 0, to = 0; c < channels; c++)
    for (let y = 0; y < patch; y++)
      for (let x = 0; x < patch; x++, to++) {
        let sum = 0
        for (let i = 0; i < size; i++) {
          const from = (c * side + first + scale * y + i) * side + first + scale * x
          for (let j = 0; j < size; j++) sum += weights[i * size + j]! * data[from + j]!
        }
        out.data[to] = sum
      }
  return out
}

/** A kernel followed by the same taps along both axes. */
function sampled({ size, weights }: Kernel, taps: Float64Array): Kernel {
  const side = size + taps.length - 1
  const out = new Float64Array(side * side)
  for (let y = 0; y < size; y++) {
    const row = convolved(taps, weights.subarray(y * size, (y + 1) * size))
    for (let t = 0; t < taps.length; t++)
      for (let x = 0; x < side; x++) out[(y + t) * side + x]! += taps[t]! * row[x]!
  }
  return { size: side, weights: out }
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
