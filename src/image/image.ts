/** Images as planes of floats. */
import { InputError } from '../errors.ts'

/** `data` is `[channels, height, width]`, row-major; samples in [0, 1] unless a function says otherwise. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: Float32Array
}

/** Half-open rectangle `[left, left + width) x [top, top + height)` in pixels. */
export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Which pixel of an axis of `length` pixels stands for the one at `index`, which may lie outside. */
export type Border = (index: number, length: number) => number

/** The nearest pixel. */
export const nearest: Border = (index, length) => Math.min(length - 1, Math.max(0, index))

/** Mirrored with the edge pixel repeated, period 2n: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ... */
export const mirror: Border = (index, length) => {
  const period = 2 * length
  const folded = ((index % period) + period) % period
  return folded < length ? folded : period - 1 - folded
}

/** A black image. @throws InputError unless every extent is a positive integer */
export function blank(width: number, height: number, channels: number): Image {
  for (const [name, value] of Object.entries({ width, height, channels }))
    if (!Number.isInteger(value) || value < 1) throw new InputError(name, 'a positive integer', String(value))
  return { width, height, channels, data: new Float32Array(width * height * channels) }
}

/** The image as 8 bits would hold it: clamped, rounded to multiples of 1/255. */
export function quantise(image: Image): Image {
  const data = new Float32Array(image.data.length)
  for (let i = 0; i < data.length; i++)
    data[i] = Math.floor(Math.min(1, Math.max(0, image.data[i]!)) * 255 + 0.5) / 255
  return { ...image, data }
}

/**
 * A part of an image; where the rectangle reaches beyond, `border` says what is there.
 * @throws InputError if the rectangle is empty
 */
export function cut(image: Image, { left, top, width, height }: Rectangle, border: Border = nearest): Image {
  const out = blank(width, height, image.channels)
  const columns = Int32Array.from({ length: width }, (_, x) => border(left + x, image.width))
  const inside = left >= 0 && left + width <= image.width
  for (let c = 0, o = 0; c < image.channels; c++) {
    for (let y = 0; y < height; y++, o += width) {
      const row = (c * image.height + border(top + y, image.height)) * image.width
      if (inside) out.data.set(image.data.subarray(row + left, row + left + width), o)
      else for (let x = 0; x < width; x++) out.data[o + x] = image.data[row + columns[x]!]!
    }
  }
  return out
}

/** The largest top left part whose sides are multiples of `factor`. @throws InputError if that is empty */
export function cropToMultiple(image: Image, factor: number): Image {
  const width = image.width - (image.width % factor)
  const height = image.height - (image.height % factor)
  if (width === 0 || height === 0)
    throw new InputError('image', `at least ${factor} x ${factor} pixels`, `${image.width} x ${image.height}`)
  return width === image.width && height === image.height
    ? image
    : cut(image, { left: 0, top: 0, width, height })
}

/** Three equal channels of a grey image; an image of three channels as it is. @throws InputError for another number */
export function toRgb(image: Image): Image {
  if (image.channels === 3) return image
  if (image.channels !== 1) throw new InputError('image', '1 or 3 channels', `${image.channels}`)
  const data = new Float32Array(3 * image.data.length)
  for (let c = 0; c < 3; c++) data.set(image.data, c * image.data.length)
  return { ...image, channels: 3, data }
}
