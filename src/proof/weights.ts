/** Committing to weights: the stack, its uniform tail, the tree and the blinded out-of-domain value. Prover only. */
import { type Backend, DIGEST_STRIDE, type RowMatrix } from '../backend/backend.ts'
import type { CommitmentShape } from '../commit/geometry.ts'
import { treeRoot } from '../commit/merkle.ts'
import type { Committed } from '../commit/prove.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ONE, kAdd, kFrom, kMul } from '../field/goldilocks.ts'
import { eqWeights } from '../poly/multilinear.ts'
import { forEachRun, type Layout } from '../program/layout.ts'
import type { Tensor } from '../program/program.ts'
import { BLIND_ENTRIES, BLIND_NAME, outsidePoint, type WeightsCommitment } from './commitment.ts'
import { type RandomFill, uniformField } from './random.ts'
import { kAt } from '../sumcheck/tables.ts'

/** The stack of all stored tensors: 16-bit where every tensor is. */
export const weightsStack = <V extends Int16Array | Int32Array>(
  tensors: readonly Tensor[],
  layout: Layout,
  values: (t: Tensor) => V,
): Int16Array | Int32Array => {
  const narrow = tensors.every(t => values(t) instanceof Int16Array)
  const stack = narrow ? new Int16Array(layout.length) : new Int32Array(layout.length)
  for (const tensor of tensors) {
    const from = values(tensor)
    for (const block of layout.blocks[tensor.id] ?? []) {
      forEachRun(block, (source, target, run) => stack.set(from.subarray(source, source + run), target))
    }
  }
  return stack
}

/** Uniform values of the blind tensor. */
export const drawBlind = (random: RandomFill): Int16Array => {
  const out = new Int16Array(BLIND_ENTRIES)
  random(new Uint8Array(out.buffer))
  return out
}

export const drawTail = (shape: CommitmentShape, random: RandomFill): BigUint64Array =>
  uniformField(shape.rows * shape.tail, random)

export const commitWeights = (
  backend: Backend,
  shape: CommitmentShape,
  tensors: readonly Tensor[],
  layout: Layout,
  stack: Int16Array | Int32Array,
  tail: BigUint64Array,
): { committed: Committed; commitment: WeightsCommitment } => {
  const rows: RowMatrix = { data: stack, rows: shape.rows, logRow: shape.logRow, tail, tailLength: shape.tail }
  const tree = backend.commit(rows, shape.logDomain)
  const root = treeRoot(tree, DIGEST_STRIDE)
  return { committed: { rows, tree }, commitment: { shape, root, outside: outsideValue(backend, rows, root, shape, tensors, layout) } }
}

/** <eq(point), stack> + <chi, blind>. */
const outsideValue = (
  backend: Backend,
  rows: RowMatrix,
  root: Uint8Array,
  shape: CommitmentShape,
  tensors: readonly Tensor[],
  layout: Layout,
): K => {
  const { point, blind } = outsidePoint(shape, root)
  const rowBits = point.length - shape.logRow
  const columns = backend.expand(eqWeights(point.slice(rowBits)).flat(), K_ONE)
  const perRow = backend.dot(rows.data, 2 ** shape.logRow, Uint32Array.from({ length: rows.rows }, (_, i) => i), columns)
  const rowWeights = backend.expand(eqWeights(point.slice(0, rowBits)).flat(), K_ONE)
  let out: K = [0n, 0n]
  for (let i = 0; i < rows.rows; i++) out = kAdd(out, kMul(kAt(perRow, i), kAt(rowWeights, i)))
  const tensor = tensors.find(t => t.name === BLIND_NAME)
  if (!tensor) throw new InternalError('the weights have no blind entries')
  for (const block of layout.blocks[tensor.id] ?? []) {
    for (let i = 0; i < 2 ** block.bits; i++) {
      const value = (rows.data as Int16Array | Int32Array)[block.offset + i] ?? 0
      out = kAdd(out, kMul(blind[(block.pieces[0]?.start ?? 0) + i] as K, kFrom(BigInt(value))))
    }
  }
  return out
}
