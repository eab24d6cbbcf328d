/** The C++ kernels: allocates results, flattens vectors over K and elements of K, and leaves the checks to the addon. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InputError } from '../errors.ts'
import { kAdd } from '../field/goldilocks.ts'
import type {
  Affine,
  Backend,
  EqWeights,
  Fractions,
  FVec,
  K,
  KVec,
  LayerTables,
  Leaves,
  Level,
  Operand,
  RowMatrix,
  Source,
  Table,
} from './backend.ts'
import { DIGEST_STRIDE } from './backend.ts'

type Words = BigUint64Array
type Bytes = Uint8Array
type Parts = (Source | undefined)[]

/** The addon's functions (native/addon.cc): each result is written into its last arguments. */
interface Addon {
  readonly instructionSet: string
  preferHugePages(words: Words): void
  commit(
    data: Source,
    rows: number,
    logRow: number,
    tail: Words,
    tailLength: number,
    logDomain: number,
    tree: Bytes,
  ): void
  columns(
    data: Source,
    rows: number,
    logRow: number,
    tail: Words,
    tailLength: number,
    logDomain: number,
    leaves: Uint32Array,
    out: Words,
  ): void
  combine(
    data: Source,
    width: number,
    index: Uint32Array,
    c0: Words,
    c1: Words,
    out0: Words,
    out1: Words,
  ): void
  dot(data: Source, width: number, index: Uint32Array, w0: Words, w1: Words, out0: Words, out1: Words): void
  expand(weights: Words, bits: number, scale: Words, out0: Words, out1: Words): void
  axpy(y0: Words, y1: Words, a: Words, x0: Source, x1: Words | undefined): void
  addScalar(y0: Words, y1: Words, a: Words): void
  fold(v0: Source, v1: Words | undefined, r: Words, out0: Words, out1: Words): void
  productRound(factors: Parts, out: Words): void
  productSum(factors: Parts, out: Words): void
  innerRound(packed: Words, lengths: Uint32Array, out: Words): void
  fractionLevel(level: Parts, leaves: Words | undefined, depth: number, height: number, out: Words[]): void
  fractionUp(level: Words[], out: Words[]): void
  fractionStart(
    level: Parts,
    leaves: Words | undefined,
    depth: number,
    height: number,
    lambda: Words,
    bound: Words,
    tables: Words[] | undefined,
    weights: Words[],
    out: Words,
  ): void
  fractionFold(tables: Words[], r: Words, weights: Words[], out: Words): void
  matmul(
    a: Int32Array | Int16Array,
    w: Int32Array | Int16Array,
    m: number,
    n: number,
    k: number,
    out: BigInt64Array,
  ): void
  addProduct(
    out: Float64Array,
    y: Operand['data'],
    yTransposed: boolean,
    x: Operand['data'],
    xTransposed: boolean,
    m: number,
    n: number,
    k: number,
  ): void
  rowNorm(y: Operand['data'], transposed: boolean, m: number, k: number, out: Float64Array): void
  histogram(data: Int32Array, low: number, counts: Uint32Array): void
  grind(seed: Bytes, bits: number, out: Words): void
}

// Two levels below the package root, in src/ and in dist/ alike.
const path = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'native', 'build', 'proofmark.node')

function open(): Addon | undefined {
  if (!existsSync(path)) return undefined
  try {
    return createRequire(import.meta.url)(path) as Addon
  } catch {
    return undefined
  }
}

/** Longest vectors that innerRound copies. */
const PACKED = 2048

let addon: Addon | undefined
let tried = false
function load(): Addon | undefined {
  if (!tried) addon = open()
  tried = true
  return addon
}

/** Whether the addon was built and loads on this machine. */
export function nativeAvailable(): boolean {
  return load() !== undefined
}

const kvec = (length: number): KVec => ({ c0: new BigUint64Array(length), c1: new BigUint64Array(length) })
const words = (k: K): Words => BigUint64Array.of(k[0], k[1])
const elements = (out: Words): K[] =>
  Array.from({ length: out.length / 2 }, (_, i): K => [out[2 * i]!, out[2 * i + 1]!])

/** A table as its one or two arrays. */
function split(t: Table): [Source, Words | undefined] {
  return 'c0' in t ? [t.c0, t.c1] : [t, undefined]
}
const partsOf = (...vectors: KVec[]): Words[] => vectors.flatMap(v => [v.c0, v.c1])
const tablesOf = ({ u, p1, q0, q1 }: LayerTables): Words[] => partsOf(u, p1, q0, q1)
const weightsOf = (by?: EqWeights): Words[] => (by ? partsOf(by.eqHigh, by.eqLow) : [])

const encoded = new WeakMap<Leaves, [sources: Source[], leaves: Words]>()
/** The data of leaves, and one array of words that describes them (native/addon.cc: leavesOf). */
function encode(leaves: Leaves): [sources: Source[], leaves: Words] {
  const sources: Source[] = []
  const indices = new Map<Source, number>()
  const indexOf = (data: Source): number => {
    const index = indices.get(data) ?? sources.push(data) - 1
    indices.set(data, index)
    return index
  }
  const affine = ({ constant, terms }: Affine): (number | bigint)[] => [
    ...constant,
    terms.length,
    ...terms.flatMap(({ coef, data, at }) => [indexOf(data), at, ...coef]),
  ]
  const description = leaves.ranges.flatMap(({ offset, length, p, q }) => [offset, length, ...affine(p), ...affine(q)])
  return [sources, BigUint64Array.from([leaves.ranges.length, ...description], BigInt)]
}
function levelOf(level: Level): [parts: Parts, leaves: Words | undefined, depth: number, height: number] {
  if ('p' in level) return [partsOf(level.p, level.q), undefined, 0, 0]
  const { leaves, height } = level
  const [sources, description] = encoded.get(leaves) ?? encode(leaves)
  encoded.set(leaves, [sources, description])
  return [sources, description, leaves.depth, height]
}
const lengthOf = (t: Table): number => ('c0' in t ? t.c0.length : t.length)

class NativeBackend implements Backend {
  readonly name: string
  readonly #addon: Addon
  #packed = new BigUint64Array(0)

  constructor(a: Addon) {
    this.#addon = a
    this.name = `native-${a.instructionSet}`
  }

  zeros(length: number): FVec {
    const out = new BigUint64Array(length)
    this.#addon.preferHugePages(out)
    return out
  }

  commit(m: RowMatrix, logDomain: number): Uint8Array {
    const tree = new Uint8Array((2 ** (logDomain + 1) - 1) * DIGEST_STRIDE)
    this.#addon.commit(m.data, m.rows, m.logRow, m.tail, m.tailLength, logDomain, tree)
    return tree
  }

  columns(m: RowMatrix, logDomain: number, leaves: Uint32Array): BigUint64Array {
    const out = new BigUint64Array(leaves.length * m.rows)
    this.#addon.columns(m.data, m.rows, m.logRow, m.tail, m.tailLength, logDomain, leaves, out)
    return out
  }

  combine(data: Source, width: number, index: Uint32Array, coef: KVec): KVec {
    const out = kvec(width)
    this.#addon.combine(data, width, index, coef.c0, coef.c1, out.c0, out.c1)
    return out
  }

  dot(data: Source, width: number, index: Uint32Array, weights: KVec): KVec {
    const out = kvec(index.length)
    this.#addon.dot(data, width, index, weights.c0, weights.c1, out.c0, out.c1)
    return out
  }

  expand(weights: readonly K[], scale: K): KVec {
    const bits = weights.length / 2
    const out = kvec(2 ** bits)
    this.#addon.expand(BigUint64Array.from(weights.flat()), bits, words(scale), out.c0, out.c1)
    return out
  }

  axpy(y: KVec, a: K, x: Table): void {
    this.#addon.axpy(y.c0, y.c1, words(a), ...split(x))
  }

  addScalar(y: KVec, a: K): void {
    this.#addon.addScalar(y.c0, y.c1, words(a))
  }

  fold(v: Table, r: K): KVec {
    const out = kvec(Math.floor(lengthOf(v) / 2))
    this.#addon.fold(...split(v), words(r), out.c0, out.c1)
    return out
  }

  productRound(factors: readonly Table[]): K[] {
    const out = new BigUint64Array(2 * (factors.length + 1))
    this.#addon.productRound(factors.flatMap(split), out)
    return elements(out)
  }

  productSum(factors: readonly Table[]): K {
    const out = new BigUint64Array(2)
    this.#addon.productSum(factors.flatMap(split), out)
    return elements(out)[0]!
  }

  /** Short pairs are packed into one array (a call's cost is in its arguments); long ones go to productRound. */
  innerRound(pairs: readonly (readonly [KVec, KVec])[]): K[] {
    const lengths = pairs.map(([a, b]) => {
      if ([a.c1, b.c0, b.c1].some(part => part.length !== a.c0.length))
        throw new RangeError('pairs: expected two vectors of one length')
      return a.c0.length
    })
    const short = (_: unknown, i: number) => lengths[i]! <= PACKED
    const shortLengths = Uint32Array.from(lengths.filter(short))
    const total = 4 * shortLengths.reduce((sum, n) => sum + n, 0)
    if (this.#packed.length < total) this.#packed = new BigUint64Array(total)
    const packed = this.#packed
    let at = 0
    for (const [a, b] of pairs.filter(short))
      for (const part of [a.c0, a.c1, b.c0, b.c1]) {
        packed.set(part, at)
        at += part.length
      }
    const out = new BigUint64Array(6)
    this.#addon.innerRound(packed, shortLengths, out)
    return pairs
      .filter((_, i) => lengths[i]! > PACKED)
      .reduce((sum, pair) => this.productRound(pair).map((k, t) => kAdd(k, sum[t]!)), elements(out))
  }

  fractionLevel(level: Level, out: Fractions): void {
    this.#addon.fractionLevel(...levelOf(level), partsOf(out.p, out.q))
  }

  fractionUp(level: Fractions, out: Fractions): void {
    this.#addon.fractionUp(partsOf(level.p, level.q), partsOf(out.p, out.q))
  }

  fractionStart(level: Level, lambda: K, bound: readonly K[], by?: EqWeights, tables?: LayerTables): K[] {
    const out = new BigUint64Array(by ? 4 : 0)
    this.#addon.fractionStart(
      ...levelOf(level),
      words(lambda),
      BigUint64Array.from(bound.flat()),
      tables && tablesOf(tables),
      weightsOf(by),
      out,
    )
    return elements(out)
  }

  fractionFold(tables: LayerTables, r: K, by?: EqWeights): { tables: LayerTables; h: K[] } {
    const out = new BigUint64Array(by ? 4 : 0)
    this.#addon.fractionFold(tablesOf(tables), words(r), weightsOf(by), out)
    const half = tables.u.c0.length / 2
    const kept = ({ c0, c1 }: KVec): KVec => ({ c0: c0.subarray(0, half), c1: c1.subarray(0, half) })
    const { u, p1, q0, q1 } = tables
    return { tables: { u: kept(u), p1: kept(p1), q0: kept(q0), q1: kept(q1) }, h: elements(out) }
  }

  matmul(
    a: Int32Array | Int16Array,
    w: Int32Array | Int16Array,
    m: number,
    n: number,
    k: number,
  ): BigInt64Array {
    const out = new BigInt64Array(m * n)
    this.#addon.matmul(a, w, m, n, k, out)
    return out
  }

  addProduct(out: Float64Array, y: Operand, x: Operand, m: number, n: number, k: number): void {
    this.#addon.addProduct(out, y.data, y.transposed, x.data, x.transposed, m, n, k)
  }

  rowNorm(y: Operand, m: number, k: number): number {
    const out = new Float64Array(1)
    this.#addon.rowNorm(y.data, y.transposed, m, k, out)
    return out[0]!
  }

  histogram(data: Int32Array, low: number, counts: Uint32Array): void {
    this.#addon.histogram(data, low, counts)
  }

  grind(seed: Uint8Array, bits: number): bigint {
    const out = new BigUint64Array(1)
    this.#addon.grind(seed, bits, out)
    return out[0]!
  }
}

/** @throws InputError where the addon was not built or does not load. */
export function nativeBackend(): Backend {
  const a = load()
  if (!a)
    throw new InputError('backend', `the native addon at ${path} (node native/build.mjs builds it)`, 'none')
  return new NativeBackend(a)
}
