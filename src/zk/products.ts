/**
 * The check that every committed pad product is the product of its pads. A and B are the polynomials through the
 * pads a_i, b_i at the nodes i = 1..N, and through a random pair at node 0; C = A B is committed by its values at
 * 0..2N (those at 1..N are the products in use). The verifier draws r and sees A(r), B(r), which the random pair
 * hides; then C(r) = A(r) B(r) is linear in pads. A wrong product survives with probability 2N/|K|
 * (fully linear proofs: Boneh, Boyle, Corrigan-Gibbs, Gilboa, Ishai, 2019).
 */
import { type K, K_ONE, K_ZERO, kAdd, kFrom, kInv, kMul, kScale, kSub, toF } from '../field/goldilocks.ts'
import { Rejection } from '../proof/rejection.ts'
import type { PadProduct, VerifierChannel } from './channel.ts'
import { constant, type Expression, subtract } from './expression.ts'

/** Pads that the check adds behind the channel's own. */
export interface ProductPads {
  readonly a0: number
  readonly b0: number
  readonly c0: number
  /** Pads of C(N+1) .. C(2N). */
  readonly high: number
  readonly total: number
}

export const productPads = (channelPads: number, products: number): ProductPads => ({
  a0: channelPads,
  b0: channelPads + 1,
  c0: channelPads + 2,
  high: channelPads + 3,
  total: channelPads + 3 + products,
})

/** Lagrange basis of the nodes 0..degree at r, r outside the nodes. */
export const basisAt = (degree: number, r: K): K[] => {
  const before: K[] = [K_ONE]
  for (let i = 0; i < degree; i++) before.push(kMul(before[i] as K, kSub(r, kFrom(BigInt(i)))))
  const after: K[] = [K_ONE]
  for (let i = degree; i > 0; i--) after.unshift(kMul(after[0] as K, kSub(r, kFrom(BigInt(i)))))
  let factorial = 1n
  const inverse: bigint[] = []
  for (let i = 1; i <= degree; i++) factorial = toF(factorial * BigInt(i))
  inverse[degree] = kInv(kFrom(factorial))[0]
  for (let i = degree; i > 0; i--) inverse[i - 1] = toF((inverse[i] as bigint) * BigInt(i))
  return before.map((left, i) => {
    const sign = (degree - i) % 2 === 0 ? 1n : -1n
    const scale = toF(sign * toF((inverse[i] as bigint) * (inverse[degree - i] as bigint)))
    return kScale(kMul(left, after[i] as K), scale)
  })
}

/** Values of C at the nodes above N, from the pads. */
export const highProducts = (products: readonly PadProduct[], extra: ProductPads, pad: (index: number) => K): K[] => {
  const a = [pad(extra.a0), ...products.map(p => pad(p.a))]
  const b = [pad(extra.b0), ...products.map(p => pad(p.b))]
  const n = products.length
  return Array.from({ length: n }, (_, k) => {
    const basis = basisAt(n, kFrom(BigInt(n + 1 + k)))
    const at = (v: readonly K[]): K => v.reduce((s, x, i) => kAdd(s, kScale(x, (basis[i] as K)[0])), K_ZERO)
    return kMul(at(a), at(b))
  })
}

/** A(r), B(r) and C(r) as linear combinations of pads. */
export const productExpressions = (
  products: readonly PadProduct[],
  extra: ProductPads,
  r: K,
): { a: Expression; b: Expression; c: Expression } => {
  const n = products.length
  if (r[1] === 0n && r[0] <= BigInt(2 * n)) throw new Rejection('products', 'the challenge is a node')
  const low = basisAt(n, r)
  const full = basisAt(2 * n, r)
  const build = (ids: readonly number[], weights: readonly K[]): Expression => {
    const atoms = new Map<number, K>()
    ids.forEach((id, i) => {
      atoms.set(id, kAdd(atoms.get(id) ?? K_ZERO, weights[i] ?? K_ZERO))
    })
    return { constant: K_ZERO, atoms }
  }
  return {
    a: build([extra.a0, ...products.map(p => p.a)], low),
    b: build([extra.b0, ...products.map(p => p.b)], low),
    c: build([extra.c0, ...products.map(p => p.product), ...products.map((_, i) => extra.high + i)], full),
  }
}

/** A(r) and B(r) are the values sent, and C(r) is their product. */
export const assertProducts = (
  channel: VerifierChannel,
  polynomials: ReturnType<typeof productExpressions>,
  a: K,
  b: K,
): void => {
  channel.assertZero('products/a', subtract(polynomials.a, constant(a)))
  channel.assertZero('products/b', subtract(polynomials.b, constant(b)))
  channel.assertZero('products/c', subtract(polynomials.c, constant(kMul(a, b))))
}
