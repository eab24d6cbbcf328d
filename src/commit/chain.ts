/**
 * Opening linear claims on one vector z over K, unmasked: WHIR (eprint 2024/1586) with interleaved rows. Each round
 * commits the current vector as rows, samples it out of domain, ties it to the previous oracle at random columns,
 * and folds its rows by sumcheck; the last vector is sent in the clear. Shared by both sides: weights of claims.
 */
import { type F, type K, K_ONE, K_ZERO, kAdd, kMul, kSub } from '../field/goldilocks.ts'
import { type BitWeights, expandWeights, weightAt } from '../poly/multilinear.ts'

/** A functional on the current vector: tensor-product weights, or coefficients on its first entries. */
export type VectorForm =
  | { readonly kind: 'tensor'; readonly coef: K; readonly weights: readonly BitWeights[] }
  | { readonly kind: 'dense'; readonly coef: K; readonly values: readonly K[] }

/** Binds the most significant variable of a functional on 2^bits entries at r. */
export const bindForm = (form: VectorForm, bits: number, r: K): VectorForm => {
  if (form.kind === 'tensor') {
    const [first, ...weights] = form.weights
    return { kind: 'tensor', coef: kMul(form.coef, weightAt(first as BitWeights, r)), weights }
  }
  const half = 2 ** (bits - 1)
  const rest = kSub(K_ONE, r)
  const values = Array.from({ length: Math.min(half, form.values.length) }, (_, i) =>
    kAdd(kMul(rest, form.values[i] ?? K_ZERO), kMul(r, form.values[i + half] ?? K_ZERO)),
  )
  return { kind: 'dense', coef: form.coef, values }
}

/** <form, vector>. */
export const applyForm = (form: VectorForm, vector: readonly K[]): K => {
  const values = form.kind === 'dense' ? form.values : expandWeights(form.weights)
  const sum = values.reduce((s, v, i) => kAdd(s, kMul(v, vector[i] ?? K_ZERO)), K_ZERO)
  return kMul(form.coef, sum)
}

/** sum_i vector[i] x^i. */
export const hornerAt = (vector: readonly K[], x: F): K => {
  let out = K_ZERO
  for (let i = vector.length - 1; i >= 0; i--) out = kAdd(kMul(out, [x, 0n]), vector[i] ?? K_ZERO)
  return out
}

/** An OOD point of `bits` coordinates, one column of K elements from pairs of field rows. */
export const pairRows = (column: readonly F[]): K[] =>
  Array.from({ length: column.length / 2 }, (_, i) => [column[2 * i] ?? 0n, column[2 * i + 1] ?? 0n] as const)
