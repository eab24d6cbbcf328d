/** Batches of degraded patches with what the networks are to make of them. */
import { BLUR_SIZE } from '../../../image/blur.ts'
import { clearLow, degrade, type Scale } from '../../../image/degrade.ts'
import { cut, type Image } from '../../../image/image.ts'
import type { Random } from '../../../nn/random.ts'
import type { LceConfig } from '../config.ts'
import { type Corpus, drawPatch } from './corpus.ts'
import { outside } from './validate.ts'

/** Largest standard deviation of the blur in training, in high-resolution pixels; the smallest is always 0.2. */
const WIDEST: Readonly<Record<Scale, number>> = { 2: 2, 3: 3, 4: 4 }
const NARROWEST = 0.2

/** Low-resolution pixels around a patch that blur and downsampling reach, so that no border is seen in training. */
export function margin(scale: Scale): number {
  return Math.ceil(((BLUR_SIZE - 1) / 2) / scale + 2.5)
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
  const high = low * scale * scale
  const batch = {
    lr: new Float32Array(rows * low),
    clear: new Float32Array(rows * low),
    clr: new Float32Array(rows * low),
    hr: new Float32Array(rows * high),
  }
  for (let row = 0; row < rows; row++) {
    const image = turned(drawPatch(corpus, sourceSide(scale, patch), random), Math.floor(random() * 8))
    const sigma = NARROWEST + random() * (WIDEST[scale] - NARROWEST)
    const around = margin(scale)
    const inner = (x: Image, factor: number) =>
      cut(x, { left: factor * around, top: factor * around, width: factor * patch, height: factor * patch })
    const [lr, clear] = [degrade(image, scale, sigma), clearLow(image, scale)]
    batch.lr.set(inner(lr, 1).data, row * low)
    batch.clear.set(inner(clear, 1).data, row * low)
    const given = outside(config, lr, clear, sigma)
    if (given) batch.clr.set(inner(given, 1).data, row * low)
    batch.hr.set(pixelUnshuffle(inner(image, scale), factor), row * high)
  }
  return batch
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
