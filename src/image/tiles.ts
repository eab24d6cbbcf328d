/** Cutting an image into overlapping tiles for a network, and joining the results without seams. */
import { InputError } from '../errors.ts'
import { blank, cut, type Image, type Rectangle } from './image.ts'

/** Extents in low-resolution pixels. */
export interface TileShape {
  /** Longest side of what the network sees. */
  readonly side: number
  /** Context on every side of a tile, whose result is thrown away. Beyond the image the edge pixels are repeated. */
  readonly margin: number
  /** How far the kept parts of two neighbours overlap: across it one fades into the other. */
  readonly feather: number
  /** Sides and places of tiles are multiples of it: the window of a network. Margin and feather must be, too. */
  readonly multiple: number
}

/** The tiles of one axis: what is kept of tile i begins at `i * step`. */
export interface Axis {
  readonly count: number
  readonly step: number
  /** Length that is kept of each tile, before the last one is cut off at the image's end. */
  readonly core: number
}

/** Tiles of equal length that cover an axis with the least waste. @throws InputError if the side leaves no room */
export function divide(length: number, { side, margin, feather, multiple }: TileShape): Axis {
  const widest = side - 2 * margin
  if (side % multiple !== 0 || widest < Math.max(multiple, 2 * feather))
    throw new InputError(
      'tile',
      `a multiple of ${multiple}, at least ${2 * margin + Math.max(multiple, 2 * feather)}`,
      `${side}`,
    )
  const countOf = (core: number): number =>
    length <= core ? 1 : Math.ceil((length - feather) / (core - feather))
  const fewest = countOf(widest)
  const core = Math.ceil((length + (fewest - 1) * feather) / fewest / multiple) * multiple
  return { count: countOf(core), step: core - feather, core }
}

/** What the network sees of an image, row by row; all tiles are of one size. */
export function tilesOf(image: Image, shape: TileShape): Rectangle[] {
  const { margin } = shape
  const rows = divide(image.height, shape)
  const columns = divide(image.width, shape)
  return Array.from({ length: rows.count * columns.count }, (_, i) => ({
    left: (i % columns.count) * columns.step - margin,
    top: Math.floor(i / columns.count) * rows.step - margin,
    width: columns.core + 2 * margin,
    height: rows.core + 2 * margin,
  }))
}

/**
 * The image enlarged tile by tile.
 * @param run enlarges `[channels, height, width]` by `scale`; all tiles are of one size
 * @param onTile after each tile, and before the first one with `done = 0`; may throw to stop
 * @returns `[channels, scale * height, scale * width]`
 */
export async function mapTiles(
  image: Image,
  scale: number,
  shape: TileShape,
  run: (tile: Image) => Promise<Image>,
  onTile: (done: number, total: number) => void = () => {},
): Promise<Image> {
  const { margin, feather } = shape
  const rows = divide(image.height, shape)
  const columns = divide(image.width, shape)
  const out = blank(image.width * scale, image.height * scale, image.channels)
  const fadeY = fades(rows, image.height, scale, feather)
  const fadeX = fades(columns, image.width, scale, feather)
  const tiles = tilesOf(image, shape)
  onTile(0, tiles.length)
  for (const [i, tile] of tiles.entries()) {
    const place = {
      left: (tile.left + margin) * scale,
      top: (tile.top + margin) * scale,
      inset: margin * scale,
    }
    const fade = [fadeY[Math.floor(i / columns.count)]!, fadeX[i % columns.count]!] as const
    blend(out, await run(cut(image, tile)), place, ...fade)
    onTile(i + 1, tiles.length)
  }
  return out
}

/**
 * The weight of every tile along one axis, in enlarged pixels; the weights of all tiles at one place sum to 1.
 * Each list ends at the image's end.
 */
function fades({ count, step, core }: Axis, length: number, scale: number, feather: number): Float64Array[] {
  const ramp = feather * scale
  return Array.from({ length: count }, (_, i) => {
    const kept = Math.min(core, length - i * step) * scale
    return Float64Array.from({ length: kept }, (_, x) => {
      const rise = i === 0 ? 1 : Math.min(1, (x + 0.5) / ramp)
      const fall = i === count - 1 ? 1 : Math.min(1, (core * scale - x - 0.5) / ramp)
      return Math.min(rise, fall)
    })
  })
}

/** Adds the part of a tile that begins `inset` pixels from its corner to `out` at `left`, `top`. */
function blend(
  out: Image,
  tile: Image,
  { left, top, inset }: { left: number; top: number; inset: number },
  fadeY: Float64Array,
  fadeX: Float64Array,
): void {
  for (let c = 0; c < out.channels; c++) {
    for (let y = 0; y < fadeY.length; y++) {
      const from = (c * tile.height + inset + y) * tile.width + inset
      const to = (c * out.height + top + y) * out.width + left
      const weight = fadeY[y]!
      for (let x = 0; x < fadeX.length; x++) out.data[to + x]! += weight * fadeX[x]! * tile.data[from + x]!
    }
  }
}
