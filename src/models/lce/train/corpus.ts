/** Photographs in memory, and where in them there is something to learn. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { InputError } from '../../../errors.ts'
import { blank, type Image, type Rectangle } from '../../../image/image.ts'
import type { Random } from '../../../nn/random.ts'

/** 8-bit RGB, interleaved. */
export interface Photo {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

export interface Corpus {
  readonly photos: readonly Photo[]
  /** Squares of `CELL` pixels; the weight of each is the root of its gradients' sum. */
  readonly cells: readonly { photo: number; left: number; top: number }[]
  /** Running sums of the cells' weights. */
  readonly running: Float64Array
}

/** Pixels. */
const CELL = 32
/** Photographs are halved at least, since cameras and JPEG blur the finest detail. */
const SHRINK = 2
/** Longer side in pixels after shrinking, as far as a patch still fits: pixels of large photographs hold little each. */
const LONGEST = 768

const IMAGES = /\.(png|jpe?g|webp|tiff?)$/i

/** Paths of the images in a folder, sorted. @throws InputError if there are none */
export function listImages(dir: string): string[] {
  const paths = readdirSync(dir)
    .filter(name => IMAGES.test(name))
    .sort()
    .map(name => join(dir, name))
  if (paths.length === 0) throw new InputError(dir, 'a folder with images', 'none')
  return paths
}

/** Reads and shrinks one, to `side` pixels or more if it can be. @throws InputError naming a file that is no image */
async function readPhoto(path: string, side: number): Promise<Photo> {
  try {
    const { width, height } = (await sharp(path).metadata()).autoOrient
    const most = Math.min(Math.max(width, height) / LONGEST, Math.min(width, height) / side)
    const factor = Math.max(SHRINK, most)
    const [w, h] = [width, height].map(length => Math.max(1, Math.floor(length / factor + 1e-9)))
    const pixels = sharp(path).autoOrient().toColourspace('srgb').removeAlpha()
    const shrunk = pixels.resize(w!, h!, { fit: 'fill', kernel: 'lanczos3' })
    const { data, info } = await shrunk.raw().toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new InputError(path, 'a colour image', `${info.channels} channels`)
    return { width: info.width, height: info.height, data: new Uint8Array(data) }
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(path, 'an image', error instanceof Error ? error.message : String(error))
  }
}

/**
 * @param side of the patches that will be cut, in pixels
 * @param onPhoto after each photograph
 * @throws InputError if there is no image, or one is smaller than a patch after shrinking
 */
export async function readCorpus(
  dir: string,
  side: number,
  onPhoto: (done: number, total: number) => void = () => {},
): Promise<Corpus> {
  const paths = listImages(dir)
  const photos: Photo[] = []
  for (const path of paths) {
    const photo = await readPhoto(path, side)
    if (Math.min(photo.width, photo.height) < side)
      throw new InputError(
        path,
        `at least ${SHRINK * side} pixels a side (a patch of ${side}, from photographs shrunk by ${SHRINK})`,
        `a patch source of ${photo.width} x ${photo.height}`,
      )
    photos.push(photo)
    onPhoto(photos.length, paths.length)
  }
  return makeCorpus(photos)
}

export function makeCorpus(photos: readonly Photo[]): Corpus {
  const cells: { photo: number; left: number; top: number }[] = []
  const weights: number[] = []
  for (const [index, photo] of photos.entries())
    for (let top = 0; top < photo.height; top += CELL)
      for (let left = 0; left < photo.width; left += CELL) {
        cells.push({ photo: index, left, top })
        // The root: by the sum itself foliage, where little can be learnt, would crowd out plain edges.
        weights.push(Math.sqrt(gradientEnergy(photo, left, top)))
      }
  let total = 0
  return { photos, cells, running: Float64Array.from(weights, w => (total += w)) }
}

/** Sum of the absolute differences of neighbouring green samples in a cell, plus one so that no cell is impossible. */
function gradientEnergy({ width, height, data }: Photo, left: number, top: number): number {
  let sum = 1
  for (let y = top; y < Math.min(top + CELL, height - 1); y++)
    for (let x = left; x < Math.min(left + CELL, width - 1); x++) {
      const at = 3 * (y * width + x) + 1
      sum += Math.abs(data[at + 3]! - data[at]!) + Math.abs(data[at + 3 * width]! - data[at]!)
    }
  return sum
}

/** A square around a cell drawn by its weight, within its photograph. */
export function drawPatch({ photos, cells, running }: Corpus, side: number, random: Random): Image {
  const cell = cells[firstAbove(running, random() * running.at(-1)!)]!
  const photo = photos[cell.photo]!
  const place = (start: number, extent: number) =>
    Math.min(extent - side, Math.max(0, Math.floor(start + random() * CELL - side / 2)))
  return cutPhoto(photo, {
    left: place(cell.left, photo.width),
    top: place(cell.top, photo.height),
    width: side,
    height: side,
  })
}

/** A part of a photograph, samples in [0, 1]. */
export function cutPhoto(photo: Photo, { left, top, width, height }: Rectangle): Image {
  const out = blank(width, height, 3)
  for (let y = 0; y < height; y++) {
    let from = 3 * ((top + y) * photo.width + left)
    for (let to = y * width; to < (y + 1) * width; to++)
      for (let c = 0; c < 3; c++) out.data[c * width * height + to] = photo.data[from++]! / 255
  }
  return out
}

/** The first index whose running sum exceeds a value. */
function firstAbove(running: Float64Array, value: number): number {
  let [low, high] = [0, running.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (running[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}
