/**
 * A window of training in a few entries: two steps on a committed data set, from committed weights to committed weights,
 * with a history mixed along the steps and lookups over what is stored. For linear algebra on whole transcripts. Tests only.
 */
import type { Backend } from '../backend/backend.ts'
import type { CommitmentShape, Geometry } from '../commit/geometry.ts'
import { type F, type K, toF } from '../field/goldilocks.ts'
import { entry, ProgramBuilder } from '../graph/graph.ts'
import { evaluateInts } from '../poly/multilinear.ts'
import { type Factor, type Mix, type Program, type PublicTensor, STORED, type StoredName, type Tensor } from '../program/program.ts'
import { BLIND_ENTRIES, BLIND_NAME, type WeightsCommitment } from './commitment.ts'
import { type ProveOutput, proveCore } from './prove-core.ts'
import { type RandomFill, uniformField } from './random.ts'
import { type Setup, setUp } from './setup.ts'
import { commitTiny, matchOutside } from './tiny.ts'

type Stored<T> = Readonly<Record<StoredName, T>>

export interface TrainingSecret {
  /** Row-major, 3 x 3, in [0, 8). */
  readonly data: readonly number[]
  /** 2 x 3: before the window. */
  readonly weights: readonly F[]
  /** Two small values beside the weights before and behind the window, in [0, 16). */
  readonly low: Readonly<Record<'weights' | 'next', readonly number[]>>
  readonly blind: Stored<readonly F[]>
}

/** The examples of the two steps. */
const PLACES = [2, 0] as const
/** W_1 = W_0 - 3 G_0; W_2 = W_0 - 5 G_0 - 7 G_1. */
const HISTORY = 3
const RATES = [5, 7] as const

const publicOf = (name: string, shape: readonly number[], values: readonly number[]): PublicTensor => ({
  name,
  shape,
  values: () => Int32Array.from(values),
  evaluate: points => evaluateInts(Int32Array.from(values), points.flat()),
})

export const trainingProgram = (): Program => {
  const b = new ProgramBuilder()
  for (const name of STORED) b.stored(name, BLIND_NAME, [BLIND_ENTRIES])
  const W = b.stored('weights', 'W', [2, 3])
  b.stored('weights', 'low', [2])
  const next = b.stored('next', 'W', [2, 3])
  const low = b.stored('next', 'low', [2])
  const D = b.stored('data', 'D', [3, 3])
  const [x, square] = [b.tensor('x', [2, 3]), b.tensor('square', [2, 3])]
  const y = b.tensor('y', [2, 2])
  const sizes = { t: 2, s: 2, i: 2, j: 3 }
  const of = (t: Tensor, axes: string[], mix?: Mix): Factor => ({ kind: 'tensor', entries: [entry(t, axes)], ...(mix && { mix }) })
  b.relate({
    name: 'batch', group: 'batch', sizes, out: ['t', 'j'],
    linear: [entry(x, ['t', 'j'], -1n), ...PLACES.map((at, t) => entry(D, [{ at }, 'j'], 1n, { t }))],
  })
  const mix = { matrix: publicOf('history', [2, 2], [0, 0, HISTORY, 0]), from: 't', to: 's' }
  b.relate({
    name: 'forward', group: 'forward', sizes, out: ['t', 'i'], linear: [entry(y, ['t', 'i'], -1n)],
    products: [
      { coef: 1n, factors: [of(x, ['t', 'j']), of(W, ['i', 'j'])] },
      { coef: -1n, factors: [of(x, ['t', 'j'], mix), of(x, ['s', 'j']), of(y, ['s', 'i'])] },
    ],
  })
  b.relate({
    name: 'update', group: 'update', sizes, out: ['i', 'j'], linear: [entry(W, ['i', 'j']), entry(next, ['i', 'j'], -1n)],
    products: [{ coef: -1n, factors: [{ kind: 'public', tensor: publicOf('rates', [2], RATES), axes: ['s'] }, of(y, ['s', 'i']), of(x, ['s', 'j'])] }],
  })
  const single = (name: string, tensor: Tensor, bits: number): void =>
    b.lookup({ name, table: b.rangeTable(bits), shape: tensor.shape, columns: [{ offset: 0n, entries: [{ coef: 1n, tensor }] }] })
  single('D', D, 3)
  single('low', low, 4)
  const ramp = Int32Array.from({ length: 8 }, (_, i) => i)
  const squares = b.table('squares', () => ({ bits: 3, width: 2, columns: [ramp, ramp.map(v => v * v)] }))
  b.lookup({ name: 'x', table: squares, shape: [2, 3], columns: [x, square].map(tensor => ({ offset: 0n, entries: [{ coef: 1n, tensor }] })) })
  return b.finish()
}

interface Window {
  readonly x: readonly number[]
  readonly y: readonly F[]
  readonly next: readonly F[]
}

/** What the window computes. */
export const runTraining = ({ data, weights }: Pick<TrainingSecret, 'data' | 'weights'>): Window => {
  const rows = PLACES.map(at => data.slice(3 * at, 3 * at + 3).map(BigInt)) as [bigint[], bigint[]]
  const dot = (a: readonly bigint[], b: readonly bigint[]): bigint => a.reduce((s, v, j) => s + v * (b[j] ?? 0n), 0n)
  const first = [0, 1].map(i => toF(dot(weights.slice(3 * i, 3 * i + 3), rows[0])))
  const second = [0, 1].map(i => toF(dot(weights.slice(3 * i, 3 * i + 3), rows[1]) - BigInt(HISTORY) * dot(rows[1], rows[0]) * (first[i] ?? 0n)))
  const next = weights.map((w, k) => {
    const [i, j] = [Math.floor(k / 3), k % 3]
    return toF(w - BigInt(RATES[0]) * (first[i] ?? 0n) * (rows[0][j] ?? 0n) - BigInt(RATES[1]) * (second[i] ?? 0n) * (rows[1][j] ?? 0n))
  })
  return { x: rows.flat().map(Number), y: [...first, ...second], next }
}

const drawBlinds = (random: RandomFill): Stored<readonly F[]> => ({
  weights: [...uniformField(BLIND_ENTRIES, random)],
  next: [...uniformField(BLIND_ENTRIES, random)],
  data: [...uniformField(BLIND_ENTRIES, random)],
})

export const drawTraining = (data: readonly number[], low: TrainingSecret['low'], random: RandomFill): TrainingSecret => ({
  data,
  weights: [...uniformField(6, random)],
  low,
  blind: drawBlinds(random),
})

export interface TinyTraining {
  readonly setup: Setup
  readonly commitments: Stored<WeightsCommitment>
  prove(random: RandomFill, statement?: Uint8Array): Promise<ProveOutput>
}

/** @param tails uniform, shape.rows * shape.tail entries each */
export const makeTraining = (
  backend: Backend,
  shape: CommitmentShape,
  secret: TrainingSecret,
  tails: Stored<BigUint64Array>,
  adapt: (g: Geometry) => Geometry = g => g,
): TinyTraining => {
  const program = trainingProgram()
  const planned = setUp(program, { weights: shape, next: shape, data: shape })
  const setup = { ...planned, geometry: adapt(planned.geometry) }
  const { x, y, next } = runTraining(secret)
  const big = (values: readonly (number | bigint)[]): BigUint64Array => BigUint64Array.from(values, BigInt)
  const count = (bits: number, values: readonly number[]): BigUint64Array => {
    const out = new BigUint64Array(2 ** bits)
    for (const v of values) out[v] = (out[v] ?? 0n) + 1n
    return out
  }
  const [ofD, ofLow, ofSquares] = program.multiplicities.map(t => `witness ${t.name}`)
  const values = new Map([
    ...STORED.map(name => [`${name} ${BLIND_NAME}`, big(secret.blind[name])] as const),
    ['weights W', big(secret.weights)],
    ['next W', big(next)],
    ['weights low', big(secret.low.weights)],
    ['next low', big(secret.low.next)],
    ['data D', big(secret.data)],
    ['witness x', big(x)],
    ['witness square', big(x.map(v => v * v))],
    ['witness y', big(y)],
    [ofD ?? '', count(3, secret.data)],
    [ofLow ?? '', count(4, secret.low.next)],
    [ofSquares ?? '', count(3, x)],
  ])
  const of = (t: Tensor): BigUint64Array => values.get(`${t.commitment} ${t.name}`) ?? new BigUint64Array(0)
  const commit = (name: StoredName) => commitTiny(backend, setup.geometry.shape, program[name] ?? [], of, tails[name])
  const made = { weights: commit('weights'), next: commit('next'), data: commit('data') }
  const pick = <T>(f: (name: StoredName) => T): Stored<T> => ({ weights: f('weights'), next: f('next'), data: f('data') })
  const commitments = pick(name => made[name].commitment)
  return {
    setup,
    commitments,
    prove: (random, statement = new TextEncoder().encode('tiny')) =>
      proveCore({ setup, commitments, committed: pick(name => made[name].committed), statement, values: of, random, backend }),
  }
}

/** The secret with blind entries moved so that every commitment's public value becomes `wanted`'s. */
export const matchOutsides = (
  draft: TrainingSecret,
  outsidesOf: (secret: TrainingSecret) => Stored<K>,
  wanted: Stored<K>,
): TrainingSecret =>
  STORED.reduce((secret, name) => {
    const moved = (blind: readonly F[]): TrainingSecret => ({ ...secret, blind: { ...secret.blind, [name]: blind } })
    const own = matchOutside({ blind: secret.blind[name] }, ({ blind }) => outsidesOf(moved(blind))[name], wanted[name])
    return moved(own.blind)
  }, draft)
