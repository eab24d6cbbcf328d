/** Image files: PNG, JPEG, WebP and TIFF to planes of floats and back, with alpha, 16 bits, grey and metadata. */
import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import sharp, { type Metadata, type Sharp } from 'sharp'
import { InputError } from '../errors.ts'
import { upright, uprightXmp, withExif } from './exif.ts'
import { blank, type Image, toRgb } from './image.ts'

export const FORMATS = ['png', 'jpeg', 'webp', 'tiff'] as const
export type Format = (typeof FORMATS)[number]

/** What a file holds: colours in sRGB, upright. */
export interface Picture {
  /** 1 channel if the file is grey, else 3. */
  readonly colour: Image
  /** 1 channel, opacity. */
  readonly alpha?: Image
  readonly depth: 8 | 16
  readonly format: Format
  /** From the byte order mark on, with an orientation that says "upright". */
  readonly exif?: Buffer
  readonly xmp?: string
}

/** The most pixels of an image that is read or made. */
export const MAX_PIXELS = 2 ** 28

/** The longest file that is read. */
const MAX_BYTES = 2 ** 30

/** The longest side that a format can state. */
const MAX_SIDE: Readonly<Record<Format, number>> = {
  png: 2 ** 31 - 1,
  jpeg: 65_535,
  webp: 16_383,
  tiff: 2 ** 31 - 1,
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
  '.tif': 'tiff',
  '.tiff': 'tiff',
}

/** The format that a file's name stands for. */
export function formatOf(path: string): Format | undefined {
  return EXTENSIONS[extname(path).toLowerCase()]
}

/**
 * Reads a file as a picture.
 * @throws InputError naming the file if it is no image, is truncated or damaged, has more than one frame, floating-point
 *   samples or more than `maxPixels`; the file system's error if it cannot be read
 */
export async function readPicture(path: string, maxPixels = MAX_PIXELS): Promise<Picture> {
  return decodePicture(await readWhole(path), path, maxPixels)
}

/** Reads a file as three channels without alpha; errors as those of readPicture. */
export async function readImage(path: string): Promise<Image> {
  return toRgb((await readPicture(path)).colour)
}

/** @param name the argument that errors name */
export async function decodePicture(
  bytes: Uint8Array,
  name = 'image',
  maxPixels = MAX_PIXELS,
): Promise<Picture> {
  const meta = await metadata(bytes, name, maxPixels)
  const format = checkedFormat(bytes, meta, name)
  const depth = meta.depth === 'ushort' ? 16 : 8
  // Grey with alpha is read as colour: sharp drops the alpha of an image that it converts to grey.
  const grey = meta.channels <= 2 && (meta.space === 'b-w' || meta.space === 'grey16')
  const space =
    depth === 16 ? (grey && !meta.hasAlpha ? 'grey16' : 'rgb16') : grey && !meta.hasAlpha ? 'b-w' : 'srgb'
  const pipeline = input(bytes)
    .autoOrient()
    .toColourspace(space)
    .raw({ depth: depth === 16 ? 'ushort' : 'uchar' })
  const { data, info } = await named(name, () => pipeline.toBuffer({ resolveWithObject: true }))
  const samples = depth === 16 ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data
  const plane = (first: number, count: number): Image =>
    planes(samples, { ...info, channels: info.channels }, first, count, depth === 16 ? 65_535 : 255)
  return {
    colour: plane(0, grey ? 1 : 3),
    alpha: meta.hasAlpha ? plane(info.channels - 1, 1) : undefined,
    depth,
    format,
    exif: meta.exif && upright(meta.exif),
    xmp: meta.xmp && uprightXmp(meta.xmp.toString('utf8')),
  }
}

/**
 * Writes a picture as a file's bytes. JPEG has no alpha (white shows through instead); JPEG and WebP have 8 bits; TIFF gets
 * no EXIF.
 * @param quality of JPEG and WebP, 1 to 100
 * @throws InputError if a side is longer than the format can state
 */
export async function encodePicture(picture: Picture, quality = 95): Promise<Buffer> {
  const { colour, alpha, format } = picture
  checkSides(format, colour.width, colour.height)
  const wide = picture.depth === 16 && (format === 'png' || format === 'tiff')
  const samples = interleave(alpha ? [colour, alpha] : [colour], wide)
  const channels = (colour.channels + (alpha ? 1 : 0)) as 1 | 2 | 3 | 4
  const raw = sharp(samples, {
    raw: { width: colour.width, height: colour.height, channels },
    limitInputPixels: MAX_PIXELS,
  })
  const space = colour.channels === 1 ? (wide ? 'grey16' : 'b-w') : wide ? 'rgb16' : 'srgb'
  let pipeline = raw.toColourspace(space)
  if (picture.exif && format !== 'tiff') {
    // sharp copies EXIF from an input file only, so it gets one.
    const carrier = withExif(await pipeline.png({ compressionLevel: 0 }).toBuffer(), picture.exif)
    pipeline = sharp(carrier, { limitInputPixels: MAX_PIXELS, failOn: 'none' })
      .toColourspace(space)
      .keepExif()
  }
  if (picture.xmp) pipeline = pipeline.withXmp(picture.xmp)
  return output(pipeline, format, quality).toBuffer()
}

/** @throws InputError if the format cannot state these sides */
export function checkSides(format: Format, width: number, height: number): void {
  const limit = MAX_SIDE[format]
  if (Math.max(width, height) > limit)
    throw new InputError(
      'output',
      `at most ${limit} pixels a side in a ${format} file`,
      `${width} x ${height}`,
    )
}

function output(pipeline: Sharp, format: Format, quality: number): Sharp {
  switch (format) {
    case 'png':
      return pipeline.png()
    case 'jpeg':
      return pipeline.flatten({ background: '#ffffff' }).jpeg({ quality, chromaSubsampling: '4:4:4' })
    case 'webp':
      return pipeline.webp({ quality, smartSubsample: true })
    case 'tiff':
      return pipeline.tiff({ compression: 'deflate', predictor: 'horizontal' })
  }
}

const input = (bytes: Uint8Array): Sharp => sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' })

async function metadata(bytes: Uint8Array, name: string, maxPixels: number): Promise<Metadata> {
  if (bytes.length === 0) throw new InputError(name, 'an image', 'an empty file')
  // Without the limit: a size in the message says more than a refusal.
  const found = await named(name, () => sharp(bytes, { limitInputPixels: false }).metadata())
  if (found.width * found.height > maxPixels)
    throw new InputError(name, `at most ${maxPixels} pixels`, `${found.width} x ${found.height}`)
  return found
}

function checkedFormat(bytes: Uint8Array, meta: Metadata, name: string): Format {
  const format = FORMATS.find(f => f === meta.format)
  if (!format) throw new InputError(name, `an image of ${FORMATS.join(', ')}`, `one of ${meta.format}`)
  if ((meta.pages ?? 1) > 1) throw new InputError(name, 'a single image', `${meta.pages} frames or pages`)
  if (format === 'png' && isAnimatedPng(bytes)) throw new InputError(name, 'a single image', 'an animation')
  if (meta.depth !== 'uchar' && meta.depth !== 'ushort')
    throw new InputError(name, '8 or 16 bits a sample', `samples of type ${meta.depth}`)
  return format
}

/** Whether a control chunk of animations comes before the pixels. */
function isAnimatedPng(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 8; at + 8 <= view.length; at += 12 + view.readUInt32BE(at)) {
    const type = view.toString('latin1', at + 4, at + 8)
    if (type === 'acTL') return true
    if (type === 'IDAT') return false
  }
  return false
}

/** The decoder's refusals as errors of the input. */
async function named<T>(name: string, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const reason = error.message.split('\n')[0]!.trim()
    if (/unsupported image format/.test(reason))
      throw new InputError(name, `an image of ${FORMATS.join(', ')}`, 'something else or a damaged file')
    throw new InputError(name, 'a whole, undamaged image', reason)
  }
}

/** Interleaved samples to planes in [0, 1]. */
function planes(
  samples: Uint8Array | Uint16Array,
  { width, height, channels }: { width: number; height: number; channels: number },
  first: number,
  count: number,
  peak: number,
): Image {
  const image = blank(width, height, count)
  const n = width * height
  for (let c = 0; c < count; c++)
    for (let i = 0; i < n; i++) image.data[c * n + i] = samples[i * channels + first + c]! / peak
  return image
}

/** Planes to interleaved samples, clamped and rounded. */
function interleave(images: readonly Image[], wide: boolean): Uint8Array | Uint16Array {
  const channels = images.reduce((sum, image) => sum + image.channels, 0)
  const n = images[0]!.width * images[0]!.height
  const peak = wide ? 65_535 : 255
  const out = wide ? new Uint16Array(n * channels) : new Uint8Array(n * channels)
  let to = 0
  for (const image of images)
    for (let c = 0; c < image.channels; c++, to++)
      for (let i = 0; i < n; i++)
        out[i * channels + to] = Math.floor(Math.min(1, Math.max(0, image.data[c * n + i]!)) * peak + 0.5)
  return out
}

async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const stats = await file.stat()
    if (!stats.isFile())
      throw new InputError(path, 'an image file', stats.isDirectory() ? 'a folder' : 'a device')
    if (stats.size > MAX_BYTES) throw new InputError(path, `at most ${MAX_BYTES} bytes`, `${stats.size}`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}
