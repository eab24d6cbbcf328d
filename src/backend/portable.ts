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
  rootOfUnity,
  toF,
} from '../field/goldilocks.ts'
import type {
  Backend,
  Fractions,
  FractionWeights,
  FVec,
  K,
  KVec,
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

/** p0, p1, q0, q1 over K at their nominal length. */
function whole({ size, p0, p1, q0, q1 }: Fractions): KVec[] {
  expect(size % 2 === 0, 'size', 'an even one', size)
  return [p0, p1, q0, q1].map((table, k) => {
    expect(lengthOf(table) <= size, 'tables', `at most ${size} entries`, lengthOf(table))
    return kvecOf(size, i => (i < lengthOf(table) ? elementOf(table, i) : k < 2 ? K_ZERO : K_ONE))
  })
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

  affine(out: KVec, constant: K, data: Source, index: Uint32Array, coef: KVec): void {
    const width = out.c0.length
    const sum = this.combine(data, width, index, coef)
    for (let i = 0; i < width; i++)
      [out.c0[i], out.c1[i]] = kAdd(constant, elementOf(sum, i)) as [bigint, bigint]
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

  fractionUp(p: FVec | KVec, q: KVec, half: number): { p: KVec; q: KVec } {
    const length = commonLength([p, q], 'p, q', false)
    expect(length <= 2 * half, 'p, q', `at most ${2 * half} entries`, length)
    const P = (i: number) => (i < length ? elementOf(p, i) : K_ZERO)
    const Q = (i: number) => (i < length ? elementOf(q, i) : K_ONE)
    const out = Math.min(length, half)
    return {
      p: kvecOf(out, i => kAdd(kMul(P(i), Q(i + half)), kMul(P(i + half), Q(i)))),
      q: kvecOf(out, i => kMul(Q(i), Q(i + half))),
    }
  }

  fractionRound(tables: Fractions, { lambda, eqHigh, eqLow }: FractionWeights): K[] {
    const half = tables.size / 2
    const low = eqLow.c0.length
    expect(eqHigh.c0.length * low === half, 'eqHigh, eqLow', `lengths that multiply to ${half}`, low)
    const full = whole(tables)
    return [0, 1, 2].map(t => {
      const [P0, P1, Q0, Q1] = full.map(table => lineAt(table, t)) as [Line, Line, Line, Line]
      const layer = (x: number) =>
        kAdd(kAdd(kMul(P0(x), Q1(x)), kMul(P1(x), Q0(x))), kMul(lambda, kMul(Q0(x), Q1(x))))
      const eq = (x: number) => kMul(elementOf(eqHigh, Math.floor(x / low)), elementOf(eqLow, x % low))
      return sumOfProducts([eq, layer], half)
    })
  }

  fractionFold(tables: Fractions, r: K, by?: FractionWeights): { tables: Fractions; h: K[] } {
    const size = tables.size / 2
    const given = [tables.p0, tables.p1, tables.q0, tables.q1].map(lengthOf)
    const [p0, p1, q0, q1] = whole(tables).map((table, k) => {
      const length = Math.min(given[k]!, size)
      const { c0, c1 } = this.fold(table, r)
      return { c0: c0.slice(0, length), c1: c1.slice(0, length) }
    }) as [KVec, KVec, KVec, KVec]
    const folded = { size, p0, p1, q0, q1 }
    return { tables: folded, h: by ? this.fractionRound(folded, by) : [] }
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
