import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fAdd, fMul, fPow, K_ONE, kMul, P, rootOfUnity, toF } from '../field/goldilocks.ts'
import type {
  Affine,
  Backend,
  EqWeights,
  K,
  KVec,
  LayerTables,
  LeafRange,
  Leaves,
  Level,
  RowMatrix,
  Source,
  Table,
} from './backend.ts'
import { loadBackend, nativeAvailable } from './index.ts'
import { nativeBackend } from './native.ts'
import { portableBackend } from './portable.ts'

const portable = portableBackend()

// -- seeded data with the extreme values mixed in --------------------------------------------------------------
let state = 1n
function word(): bigint {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn
  return (state >> 17n) ^ ((state << 31n) & 0xffffffffffffffffn)
}
const extremeF = [0n, 1n, P - 1n, P - 2n, 0xffffffffn, 0x100000000n, P / 2n, P / 2n + 1n, 0xffffffff00000000n]
const pick = <T>(list: readonly T[], random: () => T): T =>
  word() % 3n === 0n ? list[Number(word() % BigInt(list.length))]! : random()
const element = () => pick(extremeF, () => word() % P)
const fvec = (n: number) => BigUint64Array.from({ length: n }, element)
const kvec = (n: number): KVec => ({ c0: fvec(n), c1: fvec(n) })
const kel = (): K => [element(), element()]
const int = (bits: number) => {
  const top = 2n ** BigInt(bits - 1)
  return () => pick([0n, 1n, -1n, -top, top - 1n], () => (word() % (2n * top)) - top)
}
const i16 = (n: number) => Int16Array.from({ length: n }, () => Number(int(16)()))
const i32 = (n: number) => Int32Array.from({ length: n }, () => Number(int(32)()))
const i64 = (n: number) => BigInt64Array.from({ length: n }, int(64))
const smallI32 = (n: number) => Int32Array.from({ length: n }, () => Number(int(20)()))
const smallI64 = (n: number) => BigInt64Array.from({ length: n }, int(20))
const smallField = (n: number) => BigUint64Array.from({ length: n }, () => toF(int(27)()))
const minimal = (n: number) => new Int16Array(n).fill(-32768)
const sources: Record<string, (n: number) => Source> = { i16, i32, i64, fvec, smallI32, smallI64, minimal }
const tables: Record<string, (n: number) => Table> = { i16, i32, i64, fvec, kvec }
const clone = (v: KVec): KVec => ({ c0: v.c0.slice(), c1: v.c1.slice() })
const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i)

const K_TWO: K = [2n, 5n]
const lengths = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 255, 257]

describe('the backend chosen', () => {
  it('is the native one where the addon loads', () => {
    const name = loadBackend().name
    if (process.env.PROOFMARK_BACKEND === undefined) expect(name.startsWith('native')).toBe(nativeAvailable())
  })
})

describe('portable kernels against their definitions', () => {
  it('evaluates columns by Horner and builds the tree of keyed BLAKE3', () => checkCommitment(portable))
})

describe.skipIf(!nativeAvailable())('native kernels equal the portable ones', () => {
  const native = nativeAvailable() ? nativeBackend() : portable
  const same = (run: (b: Backend) => unknown) => expect(run(native)).toEqual(run(portable))

  it('commit and columns: the definition', () => checkCommitment(native))

  const shapes: [rows: number, logRow: number, tail: number, logDomain: number][] = [
    [1, 0, 0, 0],
    [1, 0, 0, 3],
    [1, 0, 1, 1],
    [2, 1, 0, 2],
    [3, 2, 3, 4],
    [7, 3, 1, 4],
    [8, 4, 16, 6],
    [9, 4, 33, 6],
    [5, 5, 0, 5],
    [17, 3, 5, 5],
    [127, 1, 1, 3],
    [128, 2, 0, 3],
    [129, 2, 2, 4],
    [300, 3, 1, 4],
    [3, 6, 5, 8],
    [2, 7, 1, 8],
    [5000, 0, 1, 2],
    [1, 9, 7, 10],
  ]
  for (const [rows, logRow, tailLength, logDomain] of shapes)
    it(`commit, columns: ${rows} rows of 2^${logRow} + ${tailLength} on 2^${logDomain}`, () => {
      const full = rows * 2 ** logRow
      const kinds = rows > 1000 || logDomain > 8 ? ['i16'] : Object.keys(sources)
      for (const kind of kinds) {
        const data = sources[kind]!(full - Math.min(full - 1, kind === 'i16' ? 5 : 0))
        const m: RowMatrix = { data, rows, logRow, tail: fvec(rows * tailLength), tailLength }
        same(b => b.commit(m, logDomain))
        const n = 2 ** logDomain
        const leaves = Uint32Array.from([
          0,
          n - 1,
          n >> 1,
          0,
          ...Array.from({ length: 9 }, () => Number(word() % BigInt(n))),
        ])
        same(b => b.columns(m, logDomain, leaves))
        same(b => b.columns(m, logDomain, leaves.slice(0, 1)))
      }
    })

  it('columns: 16-bit rows of several blocks', () => {
    const leaves = Uint32Array.from([0, 1, 4095, 4096, 12345, 16383, 7, 7, 2])
    for (const make of [minimal, i16]) {
      const m: RowMatrix = { data: make(6 * 2048 - 700), rows: 6, logRow: 11, tail: fvec(18), tailLength: 3 }
      same(b => b.columns(m, 14, leaves))
    }
  })

  it('columns: many leaves of small integers (the tree)', () => {
    const m: RowMatrix = { data: i16(3 * 64), rows: 3, logRow: 6, tail: fvec(21), tailLength: 7 }
    same(b =>
      b.columns(
        m,
        8,
        Uint32Array.from({ length: 256 }, (_, k) => k),
      ),
    )
  })

  it('commit: rows longer than the transform keeps in cache', () => {
    const logRow = 13
    const m: RowMatrix = { data: i32(2 ** logRow), rows: 1, logRow, tail: fvec(3), tailLength: 3 }
    const leaves = Uint32Array.from([0, 1, 8191, 8192, 12345, 16383])
    const expected = portable.columns(m, logRow + 1, leaves)
    expect(native.columns(m, logRow + 1, leaves)).toEqual(expected)
    const tree = native.commit(m, logRow + 1)
    leaves.forEach((leaf, i) => {
      const digest = blake3(new Uint8Array(expected.slice(i, i + 1).buffer), {
        key: keyOf('proofmark/merkle/leaf'),
        dkLen: 26,
      })
      expect(tree.slice(leaf * 32, leaf * 32 + 26)).toEqual(digest)
    })
  })

  for (const [kind, make] of Object.entries(sources))
    it(`combine, dot on ${kind}`, () => {
      for (const width of [1, 2, 5, 8, 9, 63, 64, 65, 1030])
        for (const chunks of [1, 2, 5, 9]) {
          if (width > 100 && chunks > 5) continue
          const data = make(width * chunks - Math.floor(width / 2))
          const index = Uint32Array.from({ length: chunks + 2 }, (_, k) => (k * 5) % (chunks + 2))
          const [coef, weights] = [kvec(chunks + 2), kvec(width)]
          coef.c0[0] = 0n
          same(b => b.combine(data, width, index, coef))
          same(b => b.dot(data, width, index, weights))
        }
    })

  it('combine, dot: more chunks than one lazy sum holds, and no chunks', () => {
    const data = i32(3 * 700).map(x => x >> 6)
    const index = Uint32Array.from({ length: 700 }, (_, k) => k)
    same(b => b.combine(data, 3, index, kvecFrom(11n, 700)))
    same(b => b.dot(data, 2100, Uint32Array.of(0), kvecFrom(5n, 2100)))
    same(b => b.combine(data, 3, new Uint32Array(0), kvec(0)))
    same(b => b.dot(data, 3, new Uint32Array(0), kvecFrom(1n, 3)))
  })

  it('combine, dot: split over threads', () => {
    const data = i16(64 * 1024)
    same(b =>
      b.combine(
        data,
        64,
        Uint32Array.from({ length: 1024 }, (_, k) => k),
        kvecFrom(3n, 1024),
      ),
    )
    same(b => b.dot(data, 32768, Uint32Array.of(0, 1), kvecFrom(9n, 32768)))
  })

  it('expand', () => {
    for (let bits = 0; bits < 8; bits++) {
      const weights = Array.from({ length: 2 * bits }, kel)
      same(b => b.expand(weights, [3n, P - 1n]))
      const eq = weights.map(
        (w, i): K => (i % 2 ? w : [fAdd(1n, P - weights[i + 1]![0]), (P - weights[i + 1]![1]) % P]),
      )
      same(b => b.expand(eq, [5n, 7n]))
    }
  })

  it('zeros', () => {
    for (const n of [0, 3, 2 ** 19]) expect(native.zeros(n)).toEqual(new BigUint64Array(n))
  })

  it('axpy, addScalar, fold', () => {
    for (const n of lengths)
      for (const make of Object.values(tables)) {
        const [y, a, x] = [kvec(n), kel(), make(n)]
        same(b => {
          const z = clone(y)
          b.axpy(z, a, x)
          b.addScalar(z, [P - 1n, 1n])
          return z
        })
        if (n % 2 === 0) same(b => b.fold(x, a))
      }
    const long = i16(40002)
    same(b => b.fold(long, [P - 1n, P - 2n]))
  })

  it('productRound, productSum: every mixture of factors', () => {
    const names = Object.keys(tables)
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        (kinds, half) => {
          const even = kinds.map(kind => tables[kind]!(2 * half))
          const odd = kinds.map(kind => tables[kind]!(2 * half - 1))
          same(b => b.productRound(even))
          same(b => b.productSum(odd))
        },
      ),
      { numRuns: 150, seed: 7 },
    )
    const long = [kvec(20000), kvec(20000)]
    same(b => [b.productRound(long), b.productSum(long)])
  })

  it('innerRound', () => {
    for (const n of [2, 4, 6, 16, 34])
      same(
        (
          pairs => b =>
            b.innerRound(pairs)
        )(Array.from({ length: 5 }, () => [kvec(n), kvec(n)] as const)),
      )
    same(b => b.innerRound([]))
    const mixed = [2, 5000, 4096, 8].map(n => [kvec(n), kvec(n)] as const)
    same(b => b.innerRound(mixed))
    expect(() => native.innerRound([[kvec(2), kvec(4)]])).toThrow(RangeError)
    expect(() => native.innerRound([[kvec(3), kvec(3)]])).toThrow(RangeError)
    const many = Array.from({ length: 1000 }, () => [kvec(2), kvec(2)] as const)
    same(b => b.innerRound(many))
  })

  const vectors = (length: number) => ({ p: kvec(length), q: kvec(length) })
  const weights = (log: number) => {
    const low = Number(word() % BigInt(log + 1))
    return { eqHigh: kvec(2 ** (log - low)), eqLow: kvec(2 ** low) }
  }
  const affine = (length: number, terms: number): Affine => ({
    constant: kel(),
    terms: Array.from({ length: terms }, () => {
      const make = pick([...Object.values(sources), smallField], () => fvec)
      const at = Number(word() % 9n)
      return { coef: kel(), data: make(Math.max(1, at + length - Number(word() % 3n))), at }
    }),
  })
  /** Ranges of falling length, aligned, with gaps, up to half or more of the leaves. */
  const randomLeaves = (depth: number): Leaves => {
    const ranges: LeafRange[] = []
    for (let log = depth - 1, offset = 0; log >= 0 && offset < 2 ** depth; log--)
      for (let k = 0; k < 2 && offset + 2 ** log <= 2 ** depth; k++, offset += 2 ** log) {
        const length = 2 ** log
        if (ranges.length > 0 && word() % 4n === 0n) continue
        const p = word() % 3n === 0n ? affine(length, Number(word() % 2n)) : { constant: K_ONE, terms: [] }
        ranges.push({ offset, length, p, q: affine(length, Number(word() % 4n)) })
      }
    return { depth, ranges }
  }
  const emptyTables = (size: number, right: number): LayerTables => {
    const room = (n: number): KVec => ({ c0: new BigUint64Array(n), c1: new BigUint64Array(n) })
    return { u: room(size), p1: room(right), q0: room(size), q1: room(right) }
  }
  /** All rounds of the layer above a level: `ahead` variables bound before the tables are stored, the others in place. */
  const layerOf = (b: Backend, level: Level, log: number, used: number, ahead: number, challenges: K[], by: EqWeights[]) => {
    const rounds: unknown[] = []
    for (let k = 0; k < ahead; k++) rounds.push(b.fractionStart(level, K_TWO, challenges.slice(0, k), by[k]))
    const size = 2 ** (log - ahead)
    let tables = emptyTables(size, Math.max(0, Math.min(size, used - 2 ** log)))
    rounds.push(b.fractionStart(level, K_TWO, challenges.slice(0, ahead), by[ahead], tables))
    rounds.push(structuredClone(tables))
    for (let k = ahead; k < log; k++) {
      const { tables: folded, h } = b.fractionFold(tables, challenges[k]!, by[k + 1])
      tables = folded
      rounds.push(h, structuredClone(tables))
    }
    return rounds
  }

  for (let depth = 1; depth <= 8; depth++)
    it(`a layer over 2^${depth} fractions: levels in memory and above leaves`, () => {
      for (let run = 0; run < 4; run++) {
        const leaves = randomLeaves(depth)
        const last = leaves.ranges.at(-1)!
        const end = last.offset + last.length
        for (let height = 0; height < Math.min(4, depth); height++) {
          const log = depth - height - 1
          const challenges = Array.from({ length: log }, kel)
          const by = challenges.map((_, k) => weights(log - k - 1))
          const ahead = Number(word() % BigInt(log + 1))
          const used = Math.min(end, 2 ** (log + 1))
          const level = { leaves, height }
          same(b => layerOf(b, level, log, used, ahead, challenges, by))
          const out = (b: Backend) => {
            const stored = vectors(2 ** (log + 1))
            b.fractionLevel(level, stored)
            return stored
          }
          same(out)
          const stored = out(native)
          expect(layerOf(native, stored, log, 2 ** (log + 1), ahead, challenges, by).filter((_, k) => k < ahead)).toEqual(
            layerOf(native, level, log, used, ahead, challenges, by).filter((_, k) => k < ahead),
          )
          same(b => {
            const above = vectors(2 ** log)
            b.fractionUp(stored, above)
            return above
          })
        }
      }
    })

  it('fractions: split over threads, and tables over their own level', () => {
    const depth = 16
    const [length, data] = [2 ** 15, i16(2 ** 15)]
    const q = (coef: K): Affine => ({ constant: kel(), terms: [{ coef, data, at: 0 }] })
    const one: Affine = { constant: K_ONE, terms: [] }
    const leaves: Leaves = {
      depth,
      ranges: [
        { offset: 0, length, p: one, q: q(kel()) },
        { offset: length, length: length / 4, p: one, q: q(kel()) },
      ],
    }
    const [r, by] = [[kel()], { eqHigh: kvec(2 ** 6), eqLow: kvec(2 ** 7) }]
    for (const height of [0, 1]) same(b => b.fractionStart({ leaves, height }, K_TWO, r.slice(height), by))
    const level = vectors(length / 2)
    native.fractionLevel({ leaves, height: 2 }, level)
    const part = (v: KVec, from: number, to: number): KVec => ({ c0: v.c0.subarray(from, to), c1: v.c1.subarray(from, to) })
    same(b => {
      const own = structuredClone(level)
      const [n, half] = [length / 8, length / 4]
      const tables = { u: part(own.p, 0, n), p1: part(own.p, half, half + n), q0: part(own.q, 0, n), q1: part(own.q, half, half + n) }
      const h = b.fractionStart(own, K_TWO, r, { eqHigh: kvecFrom(3n, 2 ** 5), eqLow: kvecFrom(5n, 2 ** 6) }, tables)
      return [h, structuredClone(tables)]
    })
  })

  it('matmul', () => {
    const lowI16 = (n: number) => i16(n).map(x => x >> 8)
    const minI32 = (n: number) => new Int32Array(n).fill(-(2 ** 31))
    const wideI32 = (n: number) => i32(n).map(x => x >> 4)
    const kinds = [i16, smallI32, lowI16, minimal, wideI32]
    for (const [m, n, k] of [
      [1, 1, 1],
      [1, 5, 17],
      [2, 4, 16],
      [3, 9, 33],
      [5, 3, 100],
      [1, 13, 257],
      [4, 4, 0],
      [65, 6, 20],
    ] as const)
      for (const left of kinds)
        for (const right of kinds) {
          const [a, w] = [left(m * k), right(n * k)]
          same(b => b.matmul(a as Int16Array, w as Int16Array, m, n, k))
        }
    same(b => b.matmul(minI32(2), minI32(2), 2, 2, 1))
    const [a, w] = [i16(40 * 64), lowI16(50 * 64)]
    same(b => b.matmul(a, w, 40, 50, 64))
  })

  it('addProduct', () => {
    const doubles = (n: number) => Float64Array.from({ length: n }, () => Number(int(30)()))
    for (const [m, n, k] of [
      [1, 1, 1],
      [1, 5, 17],
      [7, 33, 16],
      [13, 32, 9],
      [6, 70, 600],
      [40, 3, 40],
      [4, 4, 0],
    ] as const)
      for (const left of [smallI32, doubles])
        for (const [yt, xt] of [
          [false, false],
          [true, false],
          [false, true],
          [true, true],
        ] as const) {
          const [y, x] = [left(m * k), left(n * k).map(v => v >> 18)]
          same(b => {
            const out = Float64Array.from({ length: m * n }, (_, i) => i - 5)
            b.addProduct(out, { data: y, transposed: yt }, { data: x, transposed: xt }, m, n, k)
            return [out, b.rowNorm({ data: y, transposed: yt }, m, k)]
          })
        }
    const x = { data: Int32Array.of(5, -6), transposed: false }
    const y = { data: Float64Array.of(2 ** 50, 3, 1 - 2 ** 50, 0), transposed: true }
    const out = Float64Array.of(7, -1)
    native.addProduct(out, y, x, 2, 1, 2)
    expect(out).toEqual(Float64Array.of(11 * 2 ** 50 + 1, 14))
    expect(() => native.addProduct(out, y, x, 2, 1, 3)).toThrow(RangeError)
    expect(() => native.addProduct(out, y, x, 1, 1, 2)).toThrow(RangeError)
  })

  it('histogram', () => {
    const data = Int32Array.from({ length: 1000 }, () => Number(word() % 100n) - 50)
    const counted = (b: Backend) => {
      const counts = new Uint32Array(100).fill(1)
      b.histogram(data, -50, counts)
      return counts
    }
    same(counted)
    for (const b of [native, portable]) {
      expect(() => b.histogram(Int32Array.of(0, 3, -1), 0, new Uint32Array(3))).toThrow(/entry 3 at 1/)
      expect(() => b.histogram(Int32Array.of(-(2 ** 31)), 0, new Uint32Array(3))).toThrow(RangeError)
    }
  })

  it('grind', () => {
    for (const bits of [0, 1, 5, 9]) same(b => b.grind(seed, bits))
    const nonce = native.grind(seed, 14)
    const message = Uint8Array.of(...seed, ...new Uint8Array(BigUint64Array.of(nonce).buffer))
    expect(new DataView(blake3(message).buffer).getBigUint64(0, true) >> 50n).toBe(0n)
  })

  it('refuses wrong lengths and kinds', () => {
    const m: RowMatrix = { data: i16(8), rows: 2, logRow: 2, tail: fvec(2), tailLength: 1 }
    expect(() => native.commit({ ...m, tail: fvec(1) }, 4)).toThrow(RangeError)
    expect(() => native.commit({ ...m, data: i16(9) }, 4)).toThrow(RangeError)
    expect(() => native.commit(m, 2)).toThrow(RangeError)
    expect(() => native.commit({ ...m, data: new Float64Array(8) as unknown as Source }, 4)).toThrow(
      TypeError,
    )
    expect(() => native.columns(m, 4, Uint32Array.of(16))).toThrow(RangeError)
    expect(() => native.combine(i16(4), 2, Uint32Array.of(0), kvec(2))).toThrow(RangeError)
    expect(() => native.dot(i16(4), 2, Uint32Array.of(0), kvec(1))).toThrow(RangeError)
    expect(() => native.fold(kvec(3), K_ONE)).toThrow(RangeError)
    expect(() => native.productRound([kvec(4), kvec(2)])).toThrow(RangeError)
    expect(() => native.productRound([])).toThrow(RangeError)
    expect(() => native.axpy(kvec(2), K_ONE, i16(3))).toThrow(RangeError)
    const [level, by] = [vectors(4), { eqHigh: kvec(1), eqLow: kvec(1) }]
    expect(() => native.fractionUp(level, vectors(4))).toThrow(RangeError)
    expect(() => native.fractionLevel(vectors(3), vectors(3))).toThrow(RangeError)
    expect(() => native.fractionLevel({ p: kvec(4), q: kvec(2) }, vectors(4))).toThrow(RangeError)
    expect(() => native.fractionStart(level, K_ONE, [K_ONE], by)).toThrow(RangeError)
    expect(() => native.fractionStart(level, K_ONE, [K_ONE, K_ONE])).toThrow(RangeError)
    expect(() => native.fractionStart(level, K_ONE, [], by, emptyTables(2, 1))).toThrow(RangeError)
    expect(() => native.fractionFold(emptyTables(3, 3), K_ONE)).toThrow(RangeError)
    expect(() => native.fractionFold({ ...emptyTables(2, 2), q1: kvec(1) }, K_ONE)).toThrow(RangeError)
    const range = { offset: 0, length: 2, p: affine(2, 0), q: affine(2, 1) }
    const outside: Leaves = { depth: 1, ranges: [{ ...range, offset: 1 }] }
    expect(() => native.fractionLevel({ leaves: outside, height: 0 }, vectors(2))).toThrow(RangeError)
    const twice: Leaves = { depth: 2, ranges: [range, range] }
    expect(() => native.fractionLevel({ leaves: twice, height: 0 }, vectors(4))).toThrow(RangeError)
    expect(() => native.matmul(i16(3), i16(2), 1, 1, 2)).toThrow(RangeError)
    expect(() => native.grind(new Uint8Array(31), 1)).toThrow(RangeError)
    expect(() => native.addScalar({ c0: fvec(2), c1: fvec(1) }, K_ONE)).toThrow(RangeError)
  })
})

// A vector of powers of x: unlike random ones, equal for both backends when built anew.
function kvecFrom(x: bigint, n: number): KVec {
  let k: K = [x, P - 1n]
  const out = { c0: new BigUint64Array(n), c1: new BigUint64Array(n) }
  for (let i = 0; i < n; i++, k = kMul(k, [x, P - 3n])) [out.c0[i], out.c1[i]] = k as [bigint, bigint]
  return out
}

function keyOf(label: string): Uint8Array {
  const key = new Uint8Array(32)
  key.set(new TextEncoder().encode(label))
  return key
}

/** Columns by powers of the point, leaves and nodes by noble's BLAKE3, written out for one and for two groups of rows. */
function checkCommitment(b: Backend): void {
  const hash = (label: string, bytes: Uint8Array) =>
    blake3(bytes, { key: keyOf(`proofmark/merkle/${label}`), dkLen: 26 })
  for (const rows of [3, 130]) {
    const [logRow, logDomain, tailLength] = [2, 4, 5]
    const m: RowMatrix = { data: i16(rows * 4 - 1), rows, logRow, tail: fvec(rows * tailLength), tailLength }
    const n = 2 ** logDomain
    const columns = b.columns(
      m,
      logDomain,
      Uint32Array.from({ length: n }, (_, k) => k),
    )
    const tree = b.commit(m, logDomain)
    const at = (i: number) => tree.slice(i * 32, i * 32 + 26)
    const reversed = [0, 2, 1, 3]
    for (let leaf = 0; leaf < n; leaf++) {
      const exponent = (leaf >> logRow) + (n >> logRow) * reversed[leaf % 4]!
      const x = fPow(rootOfUnity(logDomain), BigInt(exponent))
      const column = BigUint64Array.from({ length: rows }, (_, r) => {
        let sum = 0n
        for (let j = 0; j < 4; j++)
          sum = fAdd(sum, fMul(toF(BigInt(m.data[r * 4 + j] ?? 0)), fPow(x, BigInt(j))))
        for (let j = 0; j < tailLength; j++)
          sum = fAdd(sum, fMul(m.tail[r * tailLength + j]!, fPow(x, BigInt(4 + j))))
        return sum
      })
      expect(columns.slice(leaf * rows, (leaf + 1) * rows)).toEqual(column)
      const bytes = new Uint8Array(column.buffer)
      const leafHash =
        rows === 3
          ? hash('leaf', bytes)
          : hash(
              'leaf',
              Uint8Array.of(...hash('leaf', bytes.slice(0, 1024)), ...hash('leaf', bytes.slice(1024))),
            )
      expect(at(leaf)).toEqual(leafHash)
      expect(tree.slice(leaf * 32 + 26, leaf * 32 + 32)).toEqual(new Uint8Array(6))
    }
    for (let i = 0; i < n - 1; i++)
      expect(at(n + i)).toEqual(hash('node', Uint8Array.of(...at(2 * i), ...at(2 * i + 1))))
    expect(tree.length).toBe((2 * n - 1) * 32)
  }
}
