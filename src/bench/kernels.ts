/**
 * Processor time of every kernel of the backend in use, in nanoseconds per element and core (time on all threads is added
 * up, so that other work on the machine hardly shows). "Element" is an entry of the data for commitments and
 * combinations, a multiply-add for products of matrices, and an entry of the half table (a pair) in rounds, folds and
 * fractions.
 */
import type { K, KVec, Leaves, RowMatrix } from '../backend/backend.ts'
import { loadBackend } from '../backend/index.ts'

const P = 0xffffffff00000001n
const LOG = 20

/** Uniform words below p, from a xorshift of fixed seed. */
function fvec(length: number): BigUint64Array {
  const words = new Uint32Array(2 * length)
  let s = 0x9e3779b9
  for (let i = 0; i < words.length; i++) {
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    words[i] = i % 2 ? (s >>> 0) % 0xfffffffe : s
  }
  return new BigUint64Array(words.buffer)
}
const kvec = (length: number): KVec => ({ c0: fvec(length), c1: fvec(length) })
const kel = (seed: bigint): K => [(seed * 0x9e3779b97f4a7c15n) % P, (seed * 0xc2b2ae3d27d4eb4fn) % P]
const ints = (length: number): Int16Array => new Int16Array(fvec(Math.ceil(length / 4)).buffer, 0, length)
const indices = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i)

const MICROSECONDS = 20_000

/** The best of a few batches of at least MICROSECONDS: others share the machine's caches. */
function time(elements: number, run: () => unknown): number {
  const batch = (count: number): number => {
    const start = process.cpuUsage()
    for (let i = 0; i < count; i++) run()
    const { user, system } = process.cpuUsage(start)
    return (user + system) / count
  }
  const count = Math.ceil(MICROSECONDS / Math.max(1, batch(2)))
  return (Math.min(batch(count), batch(count), batch(count)) * 1e3) / elements
}

export async function kernels(): Promise<Record<string, number>> {
  const b = loadBackend()
  const n = 2 ** LOG
  const [logRow, width, points] = [12, 4096, 64]
  const small = ints(n)
  const field = fvec(n)
  const [x, y, q] = [kvec(n), kvec(n), kvec(n)]
  const [lambda, r] = [kel(3n), kel(5n)]
  const rows = n >> logRow
  const matrix = (data: Int16Array | BigUint64Array): RowMatrix => ({
    data,
    rows,
    logRow,
    tail: fvec(rows * 64),
    tailLength: 64,
  })
  const leaves = (logDomain: number) =>
    Uint32Array.from({ length: points }, (_, i) => (i * 2654435761) % 2 ** logDomain)
  const all = indices(n / width)
  const result: Record<string, number> = {}
  const measure = (name: string, elements: number, run: () => unknown) => {
    result[name] = time(elements, run)
  }

  for (const logRate of [1, 2, 3])
    measure(`commit i16, rate 1/${2 ** logRate}`, n, () => b.commit(matrix(small), logRow + logRate))
  measure(`columns i16, ${points} leaves, rate 1/8`, n, () =>
    b.columns(matrix(small), logRow + 3, leaves(logRow + 3)),
  )
  measure(`columns field, ${points} leaves, rate 1/4`, n, () =>
    b.columns(matrix(field), logRow + 2, leaves(logRow + 2)),
  )
  measure('combine i16', n, () => b.combine(small, width, all, kvec(all.length)))
  measure('combine field', n, () => b.combine(field, width, all, kvec(all.length)))
  measure('dot i16', n, () => b.dot(small, width, all, kvec(width)))
  measure('dot field', n, () => b.dot(field, width, all, kvec(width)))
  const eq = Array.from({ length: LOG }, (_, i): [K, K] => {
    const [c0, c1] = kel(BigInt(i + 2))
    return [
      [(1n + P - c0) % P, (P - c1) % P],
      [c0, c1],
    ]
  }).flat()
  measure('expand eq', n, () => b.expand(eq, lambda))
  measure('axpy K', n, () => b.axpy(y, r, x))
  measure('axpy i16', n, () => b.axpy(y, r, small))
  measure('fold K', n / 2, () => b.fold(x, r))
  measure('fold i16', n / 2, () => b.fold(small, r))
  measure('productRound K K', n / 2, () => b.productRound([x, y]))
  measure('productRound i16 K', n / 2, () => b.productRound([small, y]))
  measure('productRound K K K', n / 2, () => b.productRound([x, y, q]))
  measure('productSum K K', n, () => b.productSum([x, y]))
  const part = (v: KVec, i: number, length: number): KVec => ({
    c0: v.c0.subarray(i, i + length),
    c1: v.c1.subarray(i, i + length),
  })
  const pairs = Array.from({ length: 256 }, (_, i) => [part(x, 128 * i, 128), part(y, 128 * i, 128)] as const)
  measure('innerRound, 256 pairs of 128', 256 * 64, () => b.innerRound(pairs))
  const [level, above] = [
    { p: x, q },
    { p: kvec(n / 2), q: kvec(n / 2) },
  ]
  measure('fractionUp', n / 2, () => b.fractionUp(level, above))
  const half = (v: KVec): KVec => part(v, 0, n / 2)
  const layer = { u: half(x), p1: half(y), q0: half(q), q1: half(above.p) }
  const weights = (log: number) => ({ eqHigh: kvec(2 ** (log - 9)), eqLow: kvec(2 ** 9) })
  measure('fractionFold with its round', n / 4, () => b.fractionFold(layer, r, weights(LOG - 3)))
  measure('fractionStart', n / 4, () => b.fractionStart(level, lambda, [], weights(LOG - 2)))
  const leaf = (data: Int16Array | BigUint64Array): Leaves => {
    const q = { constant: lambda, terms: [{ coef: r, data, at: 0 }] }
    return { depth: LOG, ranges: [{ offset: 0, length: n, p: { constant: [1n, 0n], terms: [] }, q }] }
  }
  for (const [name, data] of [
    ['i16', small],
    ['field', field],
  ] as const) {
    const leaves = leaf(data)
    measure(`fractionLevel, 1 above leaves of ${name}`, n / 2, () =>
      b.fractionLevel({ leaves, height: 1 }, above),
    )
    for (const bound of [0, 1, 2])
      measure(`fractionStart, leaves of ${name}, ${bound} bound`, n / 2 ** (2 + bound), () =>
        b.fractionStart(
          { leaves, height: 0 },
          lambda,
          Array.from({ length: bound }, () => r),
          weights(LOG - 2 - bound),
        ),
      )
    measure(`fractionStart, 1 above leaves of ${name}`, n / 8, () =>
      b.fractionStart({ leaves, height: 1 }, lambda, [], weights(LOG - 3)),
    )
  }
  const [a, w] = [ints(32 * 1024).map(v => v >> 4), ints(512 * 1024).map(v => v >> 8)]
  measure('matmul i16, 32 x 512 x 1024', 32 * 512 * 1024, () => b.matmul(a, w, 32, 512, 1024))
  measure('matmul i32 (wide), 32 x 512 x 1024', 32 * 512 * 1024, () =>
    b.matmul(
      Int32Array.from(a, v => v * 1000),
      Int32Array.from(w),
      32,
      512,
      1024,
    ),
  )
  measure('matmul i16, 1 x 512 x 1024', 512 * 1024, () => b.matmul(a.subarray(0, 1024), w, 1, 512, 1024))
  const counts = new Uint32Array(65536)
  const entries = Int32Array.from(small)
  measure('histogram', n, () => b.histogram(entries, -32768, counts))
  const seed = new Uint8Array(32).fill(9)
  const nonces = Number(b.grind(seed, 18)) + 1
  measure('grind, a nonce', nonces, () => b.grind(seed, 18))
  return result
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  console.log(loadBackend().name)
  for (const [name, ns] of Object.entries(await kernels()))
    console.log(`${ns.toFixed(2).padStart(9)}  ${name}`)
}
