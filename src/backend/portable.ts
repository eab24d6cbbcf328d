/** The oracle: every kernel from its definition, in plain TypeScript. Slow; what native.ts must equal bit for bit. */
import { blake3 } from '@noble/hashes/blake3.js'
import { InputError } from '../errors.ts'
import {
  fAdd,
  fMul,
  fPow,
  K_ONE,
  K_ZERO,
  kAdd,
  kMul,
  kScale,
  kSub,
  P,
  rootOfUnity,
  toF,
} from '../field/goldilocks.ts'
import type {
  Affine,
  Backend,
  EqWeights,
  Fractions,
  FVec,
  K,
  KVec,
  LayerTables,
  Level,
  Operand,
  RowMatrix,
  Source,
  Table,
} from './backend.ts'
import { DIGEST_BYTES, DIGEST_STRIDE, LEAF_KEY_LABEL, NODE_KEY_LABEL } from './backend.ts'
import { elementOf, kvecOf, lengthOf } from './tables.ts'

const GROUP_ROWS = 128

const key = (label: string): Uint8Array => {
  const bytes = new Uint8Array(32)
  bytes.set(new TextEncoder().encode(label))
  return bytes
}
const LEAF_KEY = key(LEAF_KEY_LABEL)
const NODE_KEY = key(NODE_KEY_LABEL)
const digest = (bytes: Uint8Array, k: Uint8Array): Uint8Array =>
  blake3(bytes, { key: k, dkLen: DIGEST_BYTES })

function expect(ok: boolean, argument: string, expected: string, got: unknown): void {
  if (!ok) throw new InputError(argument, expected, String(got))
}

function bitReverse(x: number, bits: number): number {
  let r = 0
  for (let i = 0; i < bits; i++) r = 2 * r + ((x >> i) & 1)
  return r
}

/** The point of a leaf: w_n^(coset + (n >> logRow) bitReverse(i)). */
function pointOf(leaf: number, logRow: number, logDomain: number): bigint {
  const i = leaf % 2 ** logRow
  const coset = (leaf - i) / 2 ** logRow
  return fPow(rootOfUnity(logDomain), BigInt(coset + 2 ** (logDomain - logRow) * bitReverse(i, logRow)))
}

/** Row r's coefficients, data and tail. */
function coefficients(m: RowMatrix, r: number): bigint[] {
  const n = 2 ** m.logRow
  const out: bigint[] = []
  for (let j = 0; j < n; j++) out.push(r * n + j < m.data.length ? toF(BigInt(m.data[r * n + j]!)) : 0n)
  for (let j = 0; j < m.tailLength; j++) out.push(m.tail[r * m.tailLength + j]!)
  return out
}

function checkRows(m: RowMatrix, logDomain: number): void {
  const n = 2 ** m.logRow
  expect(m.rows > 0, 'rows', 'at least 1', m.rows)
  expect(n + m.tailLength <= 2 ** logDomain, 'logDomain', 'room for rows and tails', logDomain)
  expect(m.data.length <= m.rows * n, 'data', `at most ${m.rows * n} entries`, m.data.length)
  expect(m.tail.length >= m.rows * m.tailLength, 'tail', `${m.rows * m.tailLength} entries`, m.tail.length)
}

function leafDigest(column: BigUint64Array): Uint8Array {
  const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength)
  const size = GROUP_ROWS * 8
  if (bytes.length <= size) return digest(bytes, LEAF_KEY)
  const groups: number[] = []
  for (let at = 0; at < bytes.length; at += size)
    groups.push(...digest(bytes.subarray(at, Math.min(at + size, bytes.length)), LEAF_KEY))
  return digest(Uint8Array.from(groups), LEAF_KEY)
}

function entry(data: Source, at: number): bigint {
  return at < data.length ? toF(BigInt(data[at]!)) : 0n
}

/** sum over x of prod_f factor_f(x), factors given as functions. */
function sumOfProducts(factors: readonly Line[], count: number): K {
  let sum: K = K_ZERO
  for (let x = 0; x < count; x++)
    sum = kAdd(
      sum,
      factors.reduce<K>((product, f) => kMul(product, f(x)), K_ONE),
    )
  return sum
}

type Line = (x: number) => K

/** x -> low(x) + t (high(x) - low(x)), low and high the halves of a table. */
function lineAt(table: Table, t: number): Line {
  const half = lengthOf(table) / 2
  return x => {
    const low = elementOf(table, x)
    return kAdd(low, kScale(kSub(elementOf(table, x + half), low), BigInt(t)))
  }
}

function commonLength(tables: readonly Table[], argument: string, even: boolean): number {
  expect(tables.length > 0, argument, 'at least one', 0)
  const length = lengthOf(tables[0]!)
  for (const t of tables) expect(lengthOf(t) === length, argument, `length ${length}`, lengthOf(t))
  if (even) expect(length % 2 === 0, argument, 'an even length', length)
  return length
}

function affineAt({ constant, terms }: Affine, i: number): K {
  return terms.reduce<K>((sum, { coef, data, at }) => kAdd(sum, kScale(coef, entry(data, at + i))), constant)
}

/** All fractions of a level. */
function fractionsOf(level: Level): Fractions {
  if ('p' in level) return level
  const { leaves, height } = level
  if (height > 0) return parents(fractionsOf({ leaves, height: height - 1 }))
  const size = 2 ** leaves.depth
  const [p, q] = [kvecOf(size, () => K_ZERO), kvecOf(size, () => K_ONE)]
  for (const range of leaves.ranges)
    for (let i = 0; i < range.length; i++) {
      put(p, range.offset + i, affineAt(range.p, i))
      put(q, range.offset + i, affineAt(range.q, i))
    }
  return { p, q }
}

function parents({ p, q }: Fractions): Fractions {
  const half = commonLength([p, q], 'p, q', true) / 2
  const [P, Q] = [(i: number) => elementOf(p, i), (i: number) => elementOf(q, i)]
  return {
    p: kvecOf(half, i => kAdd(kMul(P(i), Q(i + half)), kMul(P(i + half), Q(i)))),
    q: kvecOf(half, i => kMul(Q(i), Q(i + half))),
  }
}

function put(v: KVec, i: number, k: K): void {
  v.c0[i] = k[0]
  v.c1[i] = k[1]
}

/** Writes as many entries as there is room for. */
function write(from: KVec, to: KVec): void {
  to.c0.set(from.c0.subarray(0, to.c0.length))
  to.c1.set(from.c1.subarray(0, to.c1.length))
}

const part = ({ c0, c1 }: KVec, from: number, to: number): KVec => ({ c0: c0.slice(from, to), c1: c1.slice(from, to) })

/** h(0) and the leading coefficient (h(2) - 2 h(1) + h(0)) / 2, from tables of full length. */
function layerRound({ u, p1, q0, q1 }: LayerTables, { eqHigh, eqLow }: EqWeights): K[] {
  const half = commonLength([u, p1, q0, q1], 'tables', true) / 2
  const low = eqLow.c0.length
  expect(eqHigh.c0.length * low === half, 'eqHigh, eqLow', `lengths that multiply to ${half}`, low)
  const eq = (x: number) => kMul(elementOf(eqHigh, Math.floor(x / low)), elementOf(eqLow, x % low))
  const [h0, h1, h2] = [0, 1, 2].map(t => {
    const [U, P1, Q0, Q1] = [u, p1, q0, q1].map(table => lineAt(table, t)) as [Line, Line, Line, Line]
    return sumOfProducts([eq, x => kAdd(kMul(U(x), Q1(x)), kMul(P1(x), Q0(x)))], half)
  }) as [K, K, K]
  return [h0, kScale(kSub(kAdd(h0, h2), kScale(h1, 2n)), (P + 1n) / 2n)]
}

class PortableBackend implements Backend {
  readonly name = 'portable'

  zeros(length: number): FVec {
    return new BigUint64Array(length)
  }

  commit(m: RowMatrix, logDomain: number): Uint8Array {
    checkRows(m, logDomain)
    const n = 2 ** logDomain
    const columns = this.columns(
      m,
      logDomain,
      Uint32Array.from({ length: n }, (_, k) => k),
    )
    const tree = new Uint8Array((2 * n - 1) * DIGEST_STRIDE)
    for (let k = 0; k < n; k++)
      tree.set(leafDigest(columns.slice(k * m.rows, (k + 1) * m.rows)), k * DIGEST_STRIDE)
    const at = (i: number) => tree.subarray(i * DIGEST_STRIDE, i * DIGEST_STRIDE + DIGEST_BYTES)
    for (let i = 0; n + i < 2 * n - 1; i++)
      tree.set(digest(Uint8Array.of(...at(2 * i), ...at(2 * i + 1)), NODE_KEY), (n + i) * DIGEST_STRIDE)
    return tree
  }

  columns(m: RowMatrix, logDomain: number, leaves: Uint32Array): BigUint64Array {
    checkRows(m, logDomain)
    const points = Array.from(leaves, leaf => pointOf(leaf, m.logRow, logDomain))
    const out = new BigUint64Array(leaves.length * m.rows)
    for (let r = 0; r < m.rows; r++) {
      const c = coefficients(m, r)
      points.forEach((x, q) => {
        out[q * m.rows + r] = c.reduceRight((value, a) => fAdd(fMul(value, x), a), 0n)
      })
    }
    return out
  }

  combine(data: Source, width: number, index: Uint32Array, coef: KVec): KVec {
    expect(coef.c0.length === index.length, 'coef', `${index.length} entries`, coef.c0.length)
    return kvecOf(width, j =>
      index.reduce<K>((sum, chunk, k) => {
        const x = entry(data, chunk * width + j)
        return kAdd(sum, kScale(elementOf(coef, k), x))
      }, K_ZERO),
    )
  }

  dot(data: Source, width: number, index: Uint32Array, weights: KVec): KVec {
    expect(weights.c0.length === width, 'weights', `${width} entries`, weights.c0.length)
    return kvecOf(index.length, k => {
      let sum: K = K_ZERO
      for (let j = 0; j < width; j++)
        sum = kAdd(sum, kScale(elementOf(weights, j), entry(data, index[k]! * width + j)))
      return sum
    })
  }

  expand(weights: readonly K[], scale: K): KVec {
    const bits = weights.length / 2
    return kvecOf(2 ** bits, i => {
      let product = scale
      for (let b = 0; b < bits; b++) product = kMul(product, weights[2 * b + ((i >> (bits - 1 - b)) & 1)]!)
      return product
    })
  }

  axpy(y: KVec, a: K, x: Table): void {
    expect(lengthOf(x) === y.c0.length, 'x', `${y.c0.length} entries`, lengthOf(x))
    for (let i = 0; i < y.c0.length; i++) {
      const [c0, c1] = kAdd(elementOf(y, i), kMul(a, elementOf(x, i)))
      y.c0[i] = c0
      y.c1[i] = c1
    }
  }

  addScalar(y: KVec, a: K): void {
    for (let i = 0; i < y.c0.length; i++) {
      y.c0[i] = fAdd(y.c0[i]!, a[0])
      y.c1[i] = fAdd(y.c1[i]!, a[1])
    }
  }

  fold(v: Table, r: K): KVec {
    const half = commonLength([v], 'v', true) / 2
    return kvecOf(half, i => {
      const low = elementOf(v, i)
      return kAdd(low, kMul(r, kSub(elementOf(v, i + half), low)))
    })
  }

  productRound(factors: readonly Table[]): K[] {
    const half = commonLength(factors, 'factors', true) / 2
    return Array.from({ length: factors.length + 1 }, (_, t) =>
      sumOfProducts(
        factors.map(f => lineAt(f, t)),
        half,
      ),
    )
  }

  productSum(factors: readonly Table[]): K {
    const length = commonLength(factors, 'factors', false)
    return sumOfProducts(
      factors.map(f => (x: number) => elementOf(f, x)),
      length,
    )
  }

  innerRound(pairs: readonly (readonly [KVec, KVec])[]): K[] {
    return pairs.reduce<K[]>(
      (sum, pair) => this.productRound(pair).map((value, t) => kAdd(value, sum[t]!)),
      [K_ZERO, K_ZERO, K_ZERO],
    )
  }

  fractionLevel(level: Level, out: Fractions): void {
    const { p, q } = fractionsOf(level)
    for (const v of [out.p, out.q]) expect(lengthOf(v) === lengthOf(p), 'out', `${lengthOf(p)} entries`, lengthOf(v))
    write(p, out.p)
    write(q, out.q)
  }

  fractionUp(level: Fractions, out: Fractions): void {
    this.fractionLevel(parents(level), out)
  }

  fractionStart(level: Level, lambda: K, bound: readonly K[], by?: EqWeights, tables?: LayerTables): K[] {
    const { p, q } = fractionsOf(level)
    const half = lengthOf(p) / 2
    const [p0, p1, q0, q1] = [p, p, q, q].map((v, k) =>
      bound.reduce<KVec>((table, r) => this.fold(table, r), k % 2 ? part(v, half, 2 * half) : part(v, 0, half)),
    ) as [KVec, KVec, KVec, KVec]
    const u = kvecOf(lengthOf(p0), i => kAdd(elementOf(p0, i), kMul(lambda, elementOf(q0, i))))
    const full = { u, p1, q0, q1 }
    for (const name of ['u', 'p1', 'q0', 'q1'] as const) if (tables) write(full[name], tables[name])
    return by ? layerRound(full, by) : []
  }

  fractionFold(tables: LayerTables, r: K, by?: EqWeights): { tables: LayerTables; h: K[] } {
    const size = lengthOf(tables.u)
    const bind = (table: KVec, rest: K): { full: KVec; kept: KVec } => {
      const length = lengthOf(table)
      const full = this.fold(kvecOf(size, i => (i < length ? elementOf(table, i) : rest)), r)
      return { full, kept: part(full, 0, Math.min(length, size / 2)) }
    }
    const [u, p1, q0, q1] = [bind(tables.u, K_ZERO), bind(tables.p1, K_ZERO), bind(tables.q0, K_ONE), bind(tables.q1, K_ONE)]
    return {
      tables: { u: u.kept, p1: p1.kept, q0: q0.kept, q1: q1.kept },
      h: by ? layerRound({ u: u.full, p1: p1.full, q0: q0.full, q1: q1.full }, by) : [],
    }
  }

  matmul(
    a: Int32Array | Int16Array,
    w: Int32Array | Int16Array,
    m: number,
    n: number,
    k: number,
  ): BigInt64Array {
    expect(a.length === m * k, 'a', `${m * k} entries`, a.length)
    expect(w.length === n * k, 'w', `${n * k} entries`, w.length)
    const out = new BigInt64Array(m * n)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        // Products are below 2^62; partial sums of doubles would not be exact.
        let sum = 0n
        for (let t = 0; t < k; t++) sum += BigInt(a[i * k + t]!) * BigInt(w[j * k + t]!)
        out[i * n + j] = sum
      }
    return out
  }

  addProduct(out: Float64Array, y: Operand, x: Operand, m: number, n: number, k: number): void {
    expect(out.length === m * n, 'out', `${m * n} entries`, out.length)
    expect(y.data.length === m * k, 'y', `${m * k} entries`, y.data.length)
    expect(x.data.length === n * k, 'x', `${n * k} entries`, x.data.length)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = out[i * n + j]!
        for (let t = 0; t < k; t++)
          sum += y.data[y.transposed ? t * m + i : i * k + t]! * x.data[x.transposed ? t * n + j : j * k + t]!
        out[i * n + j] = sum
      }
  }

  rowNorm(y: Operand, m: number, k: number): number {
    expect(y.data.length === m * k, 'y', `${m * k} entries`, y.data.length)
    let most = 0
    for (let i = 0; i < m; i++) {
      let sum = 0
      for (let t = 0; t < k; t++) sum += Math.abs(y.data[y.transposed ? t * m + i : i * k + t]!)
      most = Math.max(most, sum)
    }
    return most
  }

  histogram(data: Int32Array, low: number, counts: Uint32Array): void {
    data.forEach((value, i) => {
      const at = value - low
      if (at < 0 || at >= counts.length)
        throw new RangeError(`data: entry ${value} at ${i} outside [${low}, ${low + counts.length})`)
      counts[at] = counts[at]! + 1
    })
  }

  grind(seed: Uint8Array, bits: number): bigint {
    expect(seed.length === 32, 'seed', '32 bytes', seed.length)
    const message = new Uint8Array(40)
    message.set(seed)
    const view = new DataView(message.buffer)
    for (let nonce = 0n; ; nonce++) {
      view.setBigUint64(32, nonce, true)
      const hash = blake3(message)
      const value = new DataView(hash.buffer, hash.byteOffset).getBigUint64(0, true)
      if (value < 1n << BigInt(64 - bits)) return nonce
    }
  }
}

export function portableBackend(): Backend {
  return new PortableBackend()
}
