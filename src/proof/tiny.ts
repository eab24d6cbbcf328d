/**
 * A program of a few entries with every kind of relation and lookup, its weights arbitrary field elements: small enough
 * for linear algebra on whole transcripts and for hundreds of verifications. Tests only.
 */
import type { Backend } from '../backend/backend.ts'
import { type CommitmentShape, type Geometry, rowsOf } from '../commit/geometry.ts'
import { DIGEST_STRIDE } from '../backend/backend.ts'
import { treeRoot } from '../commit/merkle.ts'
import type { Committed } from '../commit/prove.ts'
import { type F, fInv, fMul, fSub, type K, K_ZERO, kAdd, kMul, kSub, toF } from '../field/goldilocks.ts'
import { entry, ProgramBuilder } from '../graph/graph.ts'
import { eqWeights, evaluateInts, expandWeights } from '../poly/multilinear.ts'
import { forEachRun, layoutTensors } from '../program/layout.ts'
import type { Factor, Program, PublicTensor, Tensor } from '../program/program.ts'
import { BLIND_ENTRIES, BLIND_NAME, outsidePoint, type WeightsCommitment } from './commitment.ts'
import { type ProveOutput, proveCore } from './prove-core.ts'
import { type RandomFill, uniformField } from './random.ts'
import { type Setup, setUp } from './setup.ts'
import { stackWriter } from './stack.ts'

/** x in [1, 8)^3 and y in [0, 16)^2. */
export interface Secret {
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Row-major, 2 x 3; W x = y. */
  readonly weights: readonly F[]
  readonly blind: readonly F[]
}

export const drawSecret = (x: readonly number[], y: readonly number[], random: RandomFill): Secret => {
  const free = [...uniformField(6, random)]
  const weights = y.flatMap((value, i) => {
    const [w1, w2] = [free[2 * i] ?? 0n, free[2 * i + 1] ?? 0n]
    const rest = fMul(w1, BigInt(x[1] ?? 0)) + fMul(w2, BigInt(x[2] ?? 0))
    return [fMul(toF(BigInt(value) - rest), fInv(BigInt(x[0] ?? 1))), w1, w2]
  })
  return { x, y, weights, blind: [...uniformField(BLIND_ENTRIES, random)] }
}

const ones: PublicTensor = {
  name: 'ones',
  shape: [3],
  values: () => Int32Array.of(1, 1, 1),
  evaluate: ([point = []]) => evaluateInts(Int32Array.of(1, 1, 1), point),
}

export const tinyProgram = (): Program => {
  const b = new ProgramBuilder()
  const w = b.weight('W', [2, 3], 0).tensor
  b.weight(BLIND_NAME, [BLIND_ENTRIES], 0)
  const [x, square, cube] = ['x', 'square', 'cube'].map(n => b.tensor(n, [3])) as [Tensor, Tensor, Tensor]
  const [y, total] = [b.tensor('y', [2]), b.tensor('total', [1])]
  const sizes = { i: 2, j: 3, k: 1 }
  const of = (t: Tensor): Factor => ({ kind: 'tensor', entries: [entry(t, ['j'])] })
  b.relate({
    name: 'matrix', group: 'matrix', sizes, out: ['i'], linear: [entry(y, ['i'], -1n)],
    products: [{ coef: 1n, factors: [{ kind: 'tensor', entries: [entry(w, ['i', 'j'])] }, of(x)] }],
  })
  b.relate({ name: 'square', group: 'square', sizes, out: ['j'], linear: [entry(square, ['j'], -1n)], products: [{ coef: 1n, factors: [of(x), of(x)] }] })
  b.relate({
    name: 'cube', group: 'cube', sizes, out: ['j'], linear: [entry(cube, ['j'], -1n)],
    products: [{ coef: 1n, factors: [of(x), of(x), of(x)] }],
  })
  b.relate({
    name: 'total', group: 'total', sizes, out: ['k'], linear: [entry(total, ['k'], -1n)],
    products: [{ coef: 1n, factors: [of(x), { kind: 'public', tensor: ones, axes: ['j'] }] }],
  })
  b.relate({ name: 'sum', group: 'sum', sizes, out: ['k'], linear: [entry(total, ['k'], -1n), entry(x, ['j'])] })
  const single = (name: string, tensor: Tensor, bits: number): void =>
    b.lookup({ name, table: b.rangeTable(bits), shape: tensor.shape, columns: [{ offset: 0n, entries: [{ coef: 1n, tensor }] }] })
  single('y', y, 4)
  const squares = b.table('squares', () => ({
    bits: 3, width: 2, columns: [Int32Array.from({ length: 8 }, (_, i) => i), Int32Array.from({ length: 8 }, (_, i) => i * i)],
  }))
  b.lookup({ name: 'x', table: squares, shape: [3], columns: [x, square].map(tensor => ({ offset: 0n, entries: [{ coef: 1n, tensor }] })) })
  return b.finish()
}

/** Values of every tensor. */
const valuesOf = (program: Program, { x, y, weights, blind }: Secret): ReadonlyMap<string, BigUint64Array> => {
  const big = (values: readonly (number | bigint)[]): BigUint64Array => BigUint64Array.from(values, BigInt)
  const count = (bits: number, values: readonly number[]): BigUint64Array => {
    const out = new BigUint64Array(2 ** bits)
    for (const v of values) out[v] = (out[v] ?? 0n) + 1n
    return out
  }
  const [range, squares] = program.multiplicities
  return new Map([
    ['W', big(weights)],
    [BLIND_NAME, big(blind)],
    ['x', big(x)],
    ['square', big(x.map(v => v * v))],
    ['cube', big(x.map(v => v ** 3))],
    ['y', big(y)],
    ['total', big([x.reduce((s, v) => s + v, 0)])],
    [range?.name ?? '', count(4, y)],
    [squares?.name ?? '', count(3, x)],
  ])
}

export interface Tiny {
  readonly setup: Setup
  readonly commitment: WeightsCommitment
  readonly statement: Uint8Array
  prove(random: RandomFill, statement?: Uint8Array): Promise<ProveOutput>
}

/**
 * A commitment to arbitrary field elements.
 * @param tail uniform, shape.rows * shape.tail entries
 */
export const commitTiny = (
  backend: Backend,
  shape: CommitmentShape,
  tensors: readonly Tensor[],
  of: (tensor: Tensor) => BigUint64Array,
  tail: BigUint64Array,
): { committed: Committed; commitment: WeightsCommitment } => {
  const data = new BigUint64Array(shape.rows * 2 ** shape.logRow)
  const { blocks } = layoutTensors(tensors)
  for (const tensor of tensors) for (const block of blocks[tensor.id] ?? []) forEachRun(block, stackWriter(data, of(tensor)))
  const rows = { data, rows: shape.rows, logRow: shape.logRow, tail, tailLength: shape.tail }
  const committed: Committed = { rows, tree: backend.commit(rows, shape.logDomain) }
  const root = treeRoot(committed.tree, DIGEST_STRIDE)
  const at = outsidePoint(shape, root)
  const eq = expandWeights(eqWeights(at.point))
  let outside: K = K_ZERO
  data.forEach((v, i) => {
    outside = kAdd(outside, kMul(eq[i] ?? K_ZERO, [v, 0n]))
  })
  const blind = of(tensors.find(t => t.name === BLIND_NAME) as Tensor)
  at.blind.forEach((c, i) => {
    outside = kAdd(outside, kMul(c, [blind[i] ?? 0n, 0n]))
  })
  return { committed, commitment: { shape, root, outside } }
}

/**
 * @param weightsTail uniform, shape.rows * shape.tail entries
 * @param adapt changes the geometry, for tests that need no soundness
 */
export const makeTiny = (
  backend: Backend,
  shape: CommitmentShape,
  secret: Secret,
  weightsTail: BigUint64Array,
  adapt: (g: Geometry) => Geometry = g => g,
): Tiny => {
  const program = tinyProgram()
  const planned = setUp(program, { weights: shape })
  const setup = { ...planned, geometry: adapt(planned.geometry) }
  const used = setup.geometry.shape
  const values = valuesOf(program, secret)
  const of = (t: Tensor): BigUint64Array => values.get(t.name) ?? new BigUint64Array(0)
  const { committed: weights, commitment } = commitTiny(backend, used, program.weights, of, weightsTail)
  const statement = new TextEncoder().encode('tiny')
  return {
    setup,
    commitment,
    statement,
    prove: (random, about = statement) =>
      proveCore({ setup, commitments: { weights: commitment }, committed: { weights }, statement: about, values: of, random, backend }),
  }
}

/** A sound instance, its rows long enough for a chain of two foldings. */
export const soundTiny = (backend: Backend, random: RandomFill): Tiny => {
  const logRow = 11
  const shape = { logRow, logDomain: 14, rows: rowsOf(layoutTensors(tinyProgram().weights).length, logRow), tail: 256 }
  return makeTiny(backend, shape, drawSecret([1, 2, 3], [4, 15], random), uniformField(shape.rows * shape.tail, random))
}

/**
 * The secret with two blind entries moved so that the commitment's public value becomes `wanted`.
 * @param outsideOf the public value of a secret, affine in its blind entries
 */
export const matchOutside = <S extends { readonly blind: readonly F[] }>(secret: S, outsideOf: (secret: S) => K, wanted: K): S => {
  const moved = (by: readonly bigint[]): S => ({ ...secret, blind: secret.blind.map((v, i) => toF(v + (by[i] ?? 0n))) })
  const start = outsideOf(secret)
  const [a, b, gap] = [outsideOf(moved([1n])), outsideOf(moved([0n, 1n])), wanted].map(v => kSub(v, start)) as [K, K, K]
  const scale = fInv(fSub(fMul(a[0], b[1]), fMul(a[1], b[0])))
  return moved([
    fMul(scale, fSub(fMul(gap[0], b[1]), fMul(gap[1], b[0]))),
    fMul(scale, fSub(fMul(a[0], gap[1]), fMul(a[1], gap[0]))),
  ])
}
