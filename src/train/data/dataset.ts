/** A labelled data set in memory: bytes as pixels, one label an example. */
import { createHash } from 'node:crypto'
import { InputError } from '../../errors.ts'
import type { TrainingConfig } from '../config.ts'
import { MAX_EXAMPLES } from '../sampling.ts'

export interface Dataset {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** Labels lie in [0, classes). */
  readonly classes: number
  /** [n, channels, height, width], row-major. */
  readonly pixels: Uint8Array
  /** [n] */
  readonly labels: Uint16Array
}

/** The most classes, bytes of pixels, and extent of an image: larger sizes are refused before anything is allocated. */
export const MAX_CLASSES = 16384
export const MAX_PIXEL_BYTES = 2 ** 31
const MAX_EXTENT = 2 ** 16

/** Bytes of the pixels of n images. @throws InputError naming the size that no data set has */
export function pixelBytes(where: string, shape: readonly number[]): number {
  const [examples = 0, ...extents] = shape
  if (!(examples >= 1 && examples <= MAX_EXAMPLES))
    throw new InputError(where, `1 to ${MAX_EXAMPLES} examples`, `${examples}`)
  for (const extent of extents)
    if (!(extent >= 1 && extent <= MAX_EXTENT))
      throw new InputError(where, `extents of an image from 1 to ${MAX_EXTENT}`, `[${extents.join(', ')}]`)
  const bytes = shape.reduce((a, b) => a * b, 1)
  if (bytes > MAX_PIXEL_BYTES) throw new InputError(where, `at most ${MAX_PIXEL_BYTES} pixels`, `${bytes}`)
  return bytes
}

/**
 * Puts images and labels together.
 * @param shape [n, height, width], [n, channels, height, width], or [n, features]: one row of one channel
 * @param labels [n] integers
 * @throws InputError naming `where` if there is no image, the counts differ, or a label is no class
 */
export function assemble(
  where: string,
  shape: readonly number[],
  pixels: Uint8Array,
  labels: ArrayLike<number>,
): Dataset {
  const [examples = 0, ...image] = shape
  const [channels, height, width] =
    image.length === 3 ? image : image.length === 2 ? [1, ...image] : [1, 1, ...image]
  if (channels === undefined || height === undefined || width === undefined || image.length > 3)
    throw new InputError(
      where,
      'images as [n, height, width], [n, channels, height, width] or [n, features]',
      `[${shape.join(', ')}]`,
    )
  if (pixels.length !== pixelBytes(where, shape))
    throw new InputError(where, `${pixelBytes(where, shape)} bytes of pixels`, `${pixels.length}`)
  if (labels.length !== examples)
    throw new InputError(where, `as many labels as images, ${examples}`, `${labels.length}`)
  const out = new Uint16Array(examples)
  let classes = 0
  for (let i = 0; i < examples; i++) {
    const label = labels[i] as number
    if (!(Number.isInteger(label) && label >= 0 && label < MAX_CLASSES))
      throw new InputError(where, `labels from 0 to ${MAX_CLASSES - 1}`, `${label} at example ${i}`)
    out[i] = label
    classes = Math.max(classes, label + 1)
  }
  return { channels, height, width, classes, pixels, labels: out }
}

/** Examples from (inclusive) .. to (exclusive), as views. */
export function slice(data: Dataset, from: number, to: number): Dataset {
  const size = data.channels * data.height * data.width
  return {
    ...data,
    pixels: data.pixels.subarray(from * size, to * size),
    labels: data.labels.subarray(from, to),
  }
}

/**
 * The data set as a description wants it: its classes, and rows of features in its image shape.
 * @throws InputError naming what does not fit
 */
export function conform(where: string, data: Dataset, { input, classes }: TrainingConfig): Dataset {
  const wanted = [input.channels, input.height, input.width]
  const shape = [data.channels, data.height, data.width]
  const size = (s: readonly number[]): number => s.reduce((a, b) => a * b, 1)
  const flat = data.channels === 1 && data.height === 1
  if (flat ? size(shape) !== size(wanted) : shape.some((extent, i) => extent !== wanted[i]))
    throw new InputError(where, `images of ${wanted.join(' x ')}, as in the configuration`, shape.join(' x '))
  if (data.classes > classes) {
    const i = data.labels.findIndex(label => label >= classes)
    throw new InputError(
      where,
      `labels from 0 to ${classes - 1}, as in the configuration`,
      `${data.labels[i]} at example ${i}`,
    )
  }
  return { ...data, channels: input.channels, height: input.height, width: input.width, classes }
}

/** A digest of all of it, for noticing another data set; private, as the data may be guessed from it. */
export function digestOfData(data: Dataset): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([data.channels, data.height, data.width, data.classes, data.labels.length]))
  hash.update(data.pixels)
  for (const label of data.labels) hash.update(Uint8Array.of(label & 255, label >> 8))
  return hash.digest('hex')
}
