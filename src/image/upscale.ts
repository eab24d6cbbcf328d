/** Enlarging images by a network, tile by tile within the memory at hand. */
import { InputError } from '../errors.ts'
import { MAX_PIXELS, type Picture } from './codec.ts'
import { cut, type Image, type Rectangle, toRgb } from './image.ts'
import { resizeBicubic } from './resize.ts'
import { overSymmetries, SYMMETRIES, turned } from './symmetry.ts'
import { mapTiles, tilesOf, type TileShape } from './tiles.ts'

/** A network that enlarges. */
export interface Upscaler {
  readonly scale: number
  /** Sides of tiles must be multiples of it. */
  readonly multiple: number
  /** Memory that a run takes at its peak, for each low-resolution pixel of the tile. */
  readonly bytesPerPixel: number
  /** Makes it ready for tiles of one size; sides are multiples of `multiple`. */
  open(height: number, width: number): Promise<TileRun>
  /** Where an image as a whole says more than its tiles: to be shown all of them before any is enlarged. */
  survey?(height: number, width: number): Promise<Survey>
}

export interface Survey {
  see(tile: Image): Promise<void>
  /** As `open` of the upscaler, once every tile was seen. */
  open(): Promise<TileRun>
  release(): Promise<void>
}

export interface TileRun {
  /** @returns `[3, scale * height, scale * width]`, not clamped, from `[3, height, width]` */
  run(tile: Image): Promise<Image>
  release(): Promise<void>
}

export interface UpscaleOptions {
  /** Longest side of a tile in low-resolution pixels (default: 192, less where memory is short). */
  readonly tile?: number
  readonly onProgress?: (progress: { stage: string; done: number; total: number }) => void
  readonly signal?: AbortSignal
  /** What progress is named by. */
  readonly stage?: string
  /** Whether to take the mean over the eight turned forms of the image: a little closer, in eight times the time. */
  readonly ensemble?: boolean
}

/** Longest side of a tile, in pixels. */
const TILE = 192
const MARGIN = 16
const FEATHER = 8
/** The smallest side that memory may force. */
const SMALLEST = 48

/**
 * Enlarges an image by a network.
 * @param image 1 or 3 channels
 * @returns as many channels, clamped to [0, 1]
 * @throws InputError if the result would exceed MAX_PIXELS or a tile would have no room; the signal's reason when aborted
 */
export async function upscaleWith(
  upscaler: Upscaler,
  image: Image,
  options: UpscaleOptions = {},
): Promise<Image> {
  const { scale, multiple } = upscaler
  checkEnlarged(image, scale)
  if (options.ensemble) return upscaleTurned(upscaler, image, options)
  const colour = toRgb(image)
  const tick =
    (stage: string) =>
    (done: number, total: number): void => {
      options.signal?.throwIfAborted()
      options.onProgress?.({ stage, done, total })
    }
  const { stage } = options
  const ticks = {
    see: tick(stage === undefined ? 'looking' : `${stage}, looking`),
    enlarge: tick(stage ?? 'upscaling'),
  }
  let side = options.tile ?? fittingTile(upscaler)
  for (;;) {
    try {
      const shape = { side, margin: MARGIN, feather: FEATHER, multiple }
      const out = await enlarge(upscaler, colour, shape, ticks)
      return clamped(image.channels === 1 ? toGrey(out) : out)
    } catch (error) {
      // An estimate may be wrong, and other programs take memory, too.
      if (!isOutOfMemory(error) || side <= SMALLEST) throw error
      side = halved(side, multiple)
    }
  }
}

async function upscaleTurned(upscaler: Upscaler, image: Image, options: UpscaleOptions): Promise<Image> {
  const [mean] = await overSymmetries(async which => {
    const stage = `${options.stage ?? 'upscaling'}, ${which + 1} of ${SYMMETRIES.length}`
    return [await upscaleWith(upscaler, turned(image, which), { ...options, stage, ensemble: false })]
  })
  return mean!
}

/** Enlarges a picture: colours by the network, alpha bicubically; depth, format and metadata stay. */
export async function upscalePicture(
  upscaler: Upscaler,
  picture: Picture,
  options: UpscaleOptions = {},
): Promise<Picture> {
  const colour = await upscaleWith(upscaler, picture.colour, options)
  const alpha = picture.alpha && clamped(resizeBicubic(picture.alpha, colour.height, colour.width))
  return { ...picture, colour, alpha }
}

/** @throws InputError if the enlarged image would have more than MAX_PIXELS */
export function checkEnlarged({ width, height }: { width: number; height: number }, scale: number): void {
  if (width * height * scale * scale > MAX_PIXELS)
    throw new InputError(
      'image',
      `at most ${MAX_PIXELS} pixels when enlarged`,
      `${width * scale} x ${height * scale}`,
    )
}

type Tick = (done: number, total: number) => void

async function enlarge(
  upscaler: Upscaler,
  image: Image,
  shape: TileShape,
  ticks: { see: Tick; enlarge: Tick },
): Promise<Image> {
  const tiles = tilesOf(image, shape)
  const { height, width } = tiles[0]!
  const session =
    upscaler.survey && tiles.length > 1
      ? await surveyed(await upscaler.survey(height, width), image, tiles, ticks.see)
      : await upscaler.open(height, width)
  try {
    return await mapTiles(image, upscaler.scale, shape, tile => session.run(tile), ticks.enlarge)
  } finally {
    await session.release()
  }
}

async function surveyed(
  survey: Survey,
  image: Image,
  tiles: readonly Rectangle[],
  tick: Tick,
): Promise<TileRun> {
  try {
    for (const [i, tile] of tiles.entries()) {
      tick(i, tiles.length)
      await survey.see(cut(image, tile))
    }
    return await survey.open()
  } finally {
    await survey.release()
  }
}

/** The largest of the usual sides whose run takes at most half of the free memory. */
export function fittingTile(
  { bytesPerPixel, multiple }: Pick<Upscaler, 'bytesPerPixel' | 'multiple'>,
  free: number = process.availableMemory(),
): number {
  let side = TILE
  while (side > SMALLEST && side * side * bytesPerPixel > free / 2) side = halved(side, multiple)
  return side
}

const halved = (side: number, multiple: number): number =>
  Math.max(SMALLEST, Math.floor(side / 2 / multiple) * multiple)

function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return /allocat|out of memory|bad_alloc|Invalid typed array length/i.test(error.message)
}

/** Clamps to [0, 1] in place. */
function clamped(image: Image): Image {
  const { data } = image
  for (let i = 0; i < data.length; i++) data[i] = Math.min(1, Math.max(0, data[i]!))
  return image
}

/** One channel of an image whose three are nearly equal. */
function toGrey({ width, height, data }: Image): Image {
  const n = width * height
  const grey = Float32Array.from({ length: n }, (_, i) => (data[i]! + data[n + i]! + data[2 * n + i]!) / 3)
  return { width, height, channels: 1, data: grey }
}
