/**
 * The mask of the opening sumcheck (after Libra): s(x) = a0 + sum_k (b_k x_k + c_k x_k^2), whose 2n + 1 coefficients
 * over K are the first entries of the uniform row t. Coefficient i lies in entries 2i and 2i + 1.
 */
import { type K, K_ONE, K_ZERO, kAdd, kFrom, kMul } from '../field/goldilocks.ts'

/** Multipliers of the coefficients in s(point): 1, then x_k, x_k^2 for each variable. */
export const maskMultipliers = (point: readonly K[]): K[] => [K_ONE, ...point.flatMap(x => [x, kMul(x, x)])]

/** The functional b with <t, b> = s(point), over the first entries of the row. */
export const maskFunctional = (point: readonly K[]): K[] =>
  maskMultipliers(point).flatMap(m => [m, kMul(m, [0n, 1n])])

/** sum of s over the variables not yet bound: the first `bound.length` are bound in order. */
export const maskSum = (coefficients: readonly K[], variables: number, bound: readonly K[]): K => {
  const free = variables - bound.length
  const full = kFrom(2n ** BigInt(free))
  const half = free > 0 ? kFrom(2n ** BigInt(free - 1)) : K_ZERO
  let out = kMul(coefficients[0] ?? K_ZERO, full)
  for (let k = 0; k < variables; k++) {
    const b = coefficients[1 + 2 * k] ?? K_ZERO
    const c = coefficients[2 + 2 * k] ?? K_ZERO
    const x = bound[k]
    out = x
      ? kAdd(out, kMul(full, kMul(x, kAdd(b, kMul(c, x)))))
      : kAdd(out, kMul(half, kAdd(b, c)))
  }
  return out
}

export const maskAt = (coefficients: readonly K[], point: readonly K[]): K =>
  maskMultipliers(point).reduce((s, m, i) => kAdd(s, kMul(m, coefficients[i] ?? K_ZERO)), K_ZERO)

export const readMask = (row: BigUint64Array, variables: number): K[] =>
  Array.from({ length: 2 * variables + 1 }, (_, i) => [row[2 * i] ?? 0n, row[2 * i + 1] ?? 0n] as const)

