/**
 * Scalars: the Goldilocks field F (p = 2^64 - 2^32 + 1) and its quadratic extension K = F[x]/(x^2 - 7), where all
 * challenges live. Elements of F are canonical bigints; an element of K is a pair [c0, c1] meaning c0 + c1 x.
 */

export type F = bigint
export type K = readonly [bigint, bigint]

export const P = 0xffffffff00000001n
/** x^2 in K. 7 generates the multiplicative group of F, hence is no square. */
export const NON_RESIDUE = 7n
export const GENERATOR = 7n
/** log2 of the largest power of two dividing p - 1. */
export const TWO_ADICITY = 32

/** Any integer as a canonical field element. */
export const toF = (a: bigint): F => {
  const r = a % P
  return r < 0n ? r + P : r
}
export const fAdd = (a: F, b: F): F => {
  const s = a + b
  return s >= P ? s - P : s
}
export const fSub = (a: F, b: F): F => (a >= b ? a - b : a + P - b)
export const fNeg = (a: F): F => (a === 0n ? 0n : P - a)
export const fMul = (a: F, b: F): F => (a * b) % P
export const fPow = (base: F, exponent: bigint): F => {
  let result = 1n
  let square = base
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}
/** @throws RangeError when a is 0. */
export const fInv = (a: F): F => {
  if (a === 0n) throw new RangeError('fInv: expected a non-zero element, got 0')
  let [r0, r1, t0, t1] = [P, a, 0n, 1n]
  while (r1 !== 0n) {
    const q = r0 / r1
    ;[r0, r1] = [r1, r0 - q * r1]
    ;[t0, t1] = [t1, t0 - q * t1]
  }
  return t0 < 0n ? t0 + P : t0
}

/** The canonical root of unity of order 2^log: 7^((p - 1) / 2^log). */
export const rootOfUnity = (log: number): F => {
  if (log < 0 || log > TWO_ADICITY) {
    throw new RangeError(`rootOfUnity: expected log in [0, ${TWO_ADICITY}], got ${log}`)
  }
  return fPow(GENERATOR, (P - 1n) >> BigInt(log))
}

export const K_ZERO: K = [0n, 0n]
export const K_ONE: K = [1n, 0n]
export const kFrom = (a: bigint): K => [toF(a), 0n]
export const kAdd = (a: K, b: K): K => [fAdd(a[0], b[0]), fAdd(a[1], b[1])]
export const kSub = (a: K, b: K): K => [fSub(a[0], b[0]), fSub(a[1], b[1])]
export const kNeg = (a: K): K => [fNeg(a[0]), fNeg(a[1])]
export const kMul = (a: K, b: K): K => [
  (a[0] * b[0] + NON_RESIDUE * a[1] * b[1]) % P,
  (a[0] * b[1] + a[1] * b[0]) % P,
]
/** K times F. */
export const kScale = (a: K, b: F): K => [(a[0] * b) % P, (a[1] * b) % P]
export const kEq = (a: K, b: K): boolean => a[0] === b[0] && a[1] === b[1]
export const kIsZero = (a: K): boolean => a[0] === 0n && a[1] === 0n
/** @throws RangeError when a is 0. */
export const kInv = (a: K): K => {
  const norm = toF(a[0] * a[0] - NON_RESIDUE * a[1] * a[1])
  const inverse = fInv(norm)
  return [(a[0] * inverse) % P, (fNeg(a[1]) * inverse) % P]
}
/** a, a^2, .., a^count: starts at the first power, so that no claim has coefficient 1. */
export const kPowers = (a: K, count: number): K[] => {
  const out: K[] = []
  let power = K_ONE
  for (let i = 0; i < count; i++) {
    power = kMul(power, a)
    out.push(power)
  }
  return out
}
