/**
 * What the verifier knows of a hidden value: an affine expression in atoms it cannot see. An atom is a committed pad
 * (id >= 0) or a registered linear form on committed tensors (id < 0).
 */
import { type K, K_ZERO, kAdd, kMul, kNeg } from '../field/goldilocks.ts'

export interface Expression {
  readonly constant: K
  readonly atoms: ReadonlyMap<number, K>
}

export const constant = (value: K): Expression => ({ constant: value, atoms: new Map() })
export const ZERO = constant(K_ZERO)

/** sum of coefficient * expression. */
export const linear = (...parts: readonly (readonly [K, Expression])[]): Expression => {
  let c = K_ZERO
  const atoms = new Map<number, K>()
  for (const [scale, part] of parts) {
    c = kAdd(c, kMul(scale, part.constant))
    for (const [atom, coef] of part.atoms) {
      atoms.set(atom, kAdd(atoms.get(atom) ?? K_ZERO, kMul(scale, coef)))
    }
  }
  return { constant: c, atoms }
}

export const scale = (factor: K, part: Expression): Expression => linear([factor, part])
export const add = (a: Expression, b: Expression): Expression => linear([[1n, 0n], a], [[1n, 0n], b])
export const subtract = (a: Expression, b: Expression): Expression => linear([[1n, 0n], a], [kNeg([1n, 0n]), b])
