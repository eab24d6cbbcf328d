/** Linear functionals on committed tensors: sums of tensor-product terms, evaluated on the stack block by block. */
import { type K, K_ONE, K_ZERO, kAdd, kIsZero, kMul, kScale, kSub, toF } from '../field/goldilocks.ts'
import {
  type BitWeights,
  eqWeights,
  indexWeights,
  log2Ceil,
  onesWeights,
  rangeAt,
  weightsAt,
} from '../poly/multilinear.ts'
import type { Block, Layout, Piece } from './layout.ts'
import type { CommitmentName, Entry, Pins, Tensor } from './program.ts'

/**
 * coef * <weights of axis 0 (x) axis 1 (x) .., tensor>; with `block`, only that block of the tensor's layout, and
 * the weights are those of the block's own (low) bits.
 */
export interface Term {
  readonly coef: K
  readonly tensor: Tensor
  readonly axes: readonly (readonly BitWeights[])[]
  readonly block?: number
}
export type Form = readonly Term[]

export type Points = Readonly<Record<string, readonly K[]>>
export type Sizes = Readonly<Record<string, number>>

/** eq(point, index) for the pinned index of an axis. */
export const pinnedAt = (pins: Pins, points: Points): K =>
  Object.entries(pins).reduce((out, [axis, index]) => {
    const point = points[axis] ?? []
    return kMul(out, weightsAt(indexWeights(index, point.length), point))
  }, K_ONE)

/** Product of the range indicators of the axes in `axes` that an entry neither names nor pins. */
export const broadcastAt = (axes: readonly string[], used: ReadonlySet<string>, sizes: Sizes, points: Points): K =>
  axes.reduce(
    (out, axis) => (used.has(axis) ? out : kMul(out, rangeAt(sizes[axis] ?? 1, points[axis] ?? []))),
    K_ONE,
  )

const usedAxes = (entry: Entry): Set<string> =>
  new Set([...entry.axes.filter((a): a is string => typeof a === 'string'), ...Object.keys(entry.pins)])

/**
 * The functional that evaluates an entry at `points`; an axis without a point is summed over.
 * @param range axes on which a broadcast entry is restricted to the valid range
 */
export const entryForm = (entry: Entry, points: Points, range: readonly string[], sizes: Sizes): Term => {
  const axes = entry.axes.map((ref, a) => {
    const bits = log2Ceil(entry.tensor.shape[a] ?? 1)
    if (typeof ref !== 'string') return indexWeights(ref.at, bits)
    const point = points[ref]
    return point ? eqWeights(point) : onesWeights(bits)
  })
  const coef = kMul(pinnedAt(entry.pins, points), broadcastAt(range, usedAxes(entry), sizes, points))
  return { coef: kScale(coef, toF(entry.coef)), tensor: entry.tensor, axes }
}

const pieceSplit = (weights: readonly BitWeights[], piece: Piece): { high: K; low: readonly BitWeights[] } => {
  const highBits = weights.length - piece.bits
  const index = piece.start / 2 ** piece.bits
  let high = K_ONE
  for (let b = 0; b < highBits; b++) {
    const pair = weights[b] as BitWeights
    high = kMul(high, Math.floor(index / 2 ** (highBits - 1 - b)) & 1 ? pair[1] : pair[0])
  }
  return { high, low: weights.slice(highBits) }
}

/** A term on one block: a coefficient, and weights for the block's own address bits. */
export const blockWeights = (term: Term, block: Block): { coef: K; weights: BitWeights[] } => {
  let coef = term.coef
  const weights: BitWeights[] = []
  block.pieces.forEach((piece, a) => {
    const { high, low } = pieceSplit(term.axes[a] ?? [], piece)
    coef = kMul(coef, high)
    weights.push(...low)
  })
  return { coef, weights }
}

/** The blocks a term touches. */
export const termBlocks = (term: Term, layout: Layout): readonly Block[] => {
  const all = layout.blocks[term.tensor.id] ?? []
  return term.block === undefined ? all : all.slice(term.block, term.block + 1)
}

/** prod over the bits of an aligned prefix of (p or 1 - p), shared between prefixes. */
const prefixes = (point: readonly K[]): ((index: number, bits: number) => K) => {
  const memo = new Map<number, K>()
  const at = (index: number, bits: number): K => {
    if (bits === 0) return K_ONE
    const key = index * 64 + bits
    const known = memo.get(key)
    if (known) return known
    const p = point[bits - 1] ?? K_ZERO
    const value = kMul(at(Math.floor(index / 2), bits - 1), index % 2 === 1 ? p : kSub(K_ONE, p))
    memo.set(key, value)
    return value
  }
  return at
}

type AxisWeights = readonly BitWeights[]

/** Values of axis weights, computed once per array: of a piece's high bits, and of its low bits at a place of the point. */
const axisValues = (point: readonly K[]) => {
  const highs = new Map<AxisWeights, Map<number, K>>()
  const lows = new Map<AxisWeights, Map<number, K>>()
  const memo = (table: typeof highs, weights: AxisWeights, key: number, make: () => K): K => {
    let own = table.get(weights)
    if (!own) {
      own = new Map()
      table.set(weights, own)
    }
    let value = own.get(key)
    if (value === undefined) {
      value = make()
      own.set(key, value)
    }
    return value
  }
  return {
    high: (weights: AxisWeights, piece: Piece): K =>
      weights.length === piece.bits
        ? K_ONE
        : memo(highs, weights, piece.start * 64 + piece.bits, () => pieceSplit(weights, piece).high),
    /** @param shift address bits below the piece's */
    low: (weights: AxisWeights, bits: number, shift: number): K =>
      memo(lows, weights, bits * 64 + shift, () =>
        weightsAt(weights.slice(weights.length - bits), point.slice(point.length - shift - bits, point.length - shift)),
      ),
  }
}

/**
 * The multilinear extension of a form's coefficient vector over one stack, at the stack point `point`
 * (address bits, most significant first).
 */
export const formAt = (form: Form, layout: Layout, point: readonly K[]): K => {
  const prefixAt = prefixes(point)
  const axis = axisValues(point)
  let out = K_ZERO
  for (const term of form) {
    for (const block of termBlocks(term, layout)) {
      let value = term.coef
      let shift = 0
      for (let a = block.pieces.length - 1; a >= 0 && !kIsZero(value); a--) {
        const weights = term.axes[a] ?? []
        const piece = block.pieces[a] as Piece
        value = kMul(value, axis.high(weights, piece))
        if (piece.bits > 0 && !kIsZero(value)) value = kMul(value, axis.low(weights, piece.bits, shift))
        shift += piece.bits
      }
      if (kIsZero(value)) continue
      out = kAdd(out, kMul(value, prefixAt(block.offset / 2 ** block.bits, point.length - block.bits)))
    }
  }
  return out
}

export const ofCommitment = (form: Form, name: CommitmentName): Form =>
  form.filter(term => term.tensor.commitment === name)
