/**
 * Where tensors lie in a commitment's stack. Each axis is cut by its binary expansion (768 = 512 + 256), so that a
 * tensor becomes power-of-two blocks and nothing but real entries is committed; blocks are placed by falling size,
 * which aligns every block to its own size without gaps.
 */
import { log2Ceil } from '../poly/multilinear.ts'
import type { Tensor } from './program.ts'

/** One piece of an axis: [start, start + 2^bits). */
export interface Piece {
  readonly start: number
  readonly bits: number
}

export interface Block {
  readonly tensor: Tensor
  /** One piece per axis. */
  readonly pieces: readonly Piece[]
  /** log2 of the entries. */
  readonly bits: number
  /** First entry in the stack, a multiple of 2^bits. */
  readonly offset: number
}

export interface Layout {
  /** Entries in use, before padding to whole rows. */
  readonly length: number
  /** Blocks of each tensor, by tensor id. */
  readonly blocks: readonly (readonly Block[])[]
}

export const axisPieces = (size: number): Piece[] => {
  const out: Piece[] = []
  let start = 0
  for (let bits = log2Ceil(size + 1); bits >= 0; bits--) {
    if (Math.floor(size / 2 ** bits) & 1) {
      out.push({ start, bits })
      start += 2 ** bits
    }
  }
  return out
}

/** Every combination of one piece per axis. */
export const shapePieces = (shape: readonly number[]): Piece[][] =>
  shape.reduce<Piece[][]>(
    (combinations, size) => combinations.flatMap(c => axisPieces(size).map(piece => [...c, piece])),
    [[]],
  )

/** How many: the product of the sizes' binary ones. */
export const shapePieceCount = (shape: readonly number[]): number =>
  shape.reduce((count, size) => {
    let ones = 0
    for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
    return count * ones
  }, 1)

/** Places items of 2^bits entries by falling size; returns offsets in the order given, and the total. */
export const placeAligned = (bits: readonly number[]): { offsets: number[]; length: number } => {
  const order = bits.map((_, i) => i).sort((a, b) => (bits[b] ?? 0) - (bits[a] ?? 0) || a - b)
  const offsets = new Array<number>(bits.length).fill(0)
  let length = 0
  for (const i of order) {
    offsets[i] = length
    length += 2 ** (bits[i] ?? 0)
  }
  return { offsets, length }
}

export const layoutTensors = (tensors: readonly Tensor[]): Layout => {
  const flat = tensors.flatMap(tensor =>
    shapePieces(tensor.shape).map(pieces => ({ tensor, pieces, bits: pieces.reduce((s, p) => s + p.bits, 0) })),
  )
  const { offsets, length } = placeAligned(flat.map(b => b.bits))
  const blocks: Block[][] = tensors.map(() => [])
  flat.forEach((block, i) => {
    blocks[block.tensor.id]?.push({ ...block, offset: offsets[i] ?? 0 })
  })
  return { length, blocks }
}

/**
 * Visits the contiguous runs of a block: `run` entries starting at `source` of the tensor's row-major data go to
 * `target` of the stack.
 */
export const forEachRun = (block: Block, visit: (source: number, target: number, run: number) => void): void => {
  const { pieces, tensor } = block
  const strides = new Array<number>(tensor.shape.length).fill(1)
  for (let a = tensor.shape.length - 2; a >= 0; a--) {
    strides[a] = (strides[a + 1] ?? 1) * (tensor.shape[a + 1] ?? 1)
  }
  // Trailing axes that are whole (one piece) merge into one run.
  let inner = pieces.length
  let run = 1
  while (inner > 0) {
    const piece = pieces[inner - 1] as Piece
    inner--
    run *= 2 ** piece.bits
    if (2 ** piece.bits !== tensor.shape[inner]) break
  }
  let base = 0
  for (let a = inner; a < pieces.length; a++) base += (pieces[a]?.start ?? 0) * (strides[a] ?? 1)
  let target = block.offset
  const walk = (axis: number, source: number): void => {
    if (axis === inner) {
      visit(source, target, run)
      target += run
      return
    }
    const piece = pieces[axis] as Piece
    for (let i = 0; i < 2 ** piece.bits; i++) walk(axis + 1, source + (piece.start + i) * (strides[axis] ?? 1))
  }
  walk(0, base)
}
