/** Which linear claims of the masked protocol a witness breaks: for tests and for hunting a wrong relation. */
import type { Backend } from '../backend/backend.ts'
import { layoutOf } from '../commit/claim.ts'
import { type Matrices, matrixOf } from '../commit/structured.ts'
import { type K, K_ONE, K_ZERO, kAdd, kIsZero, kMul } from '../field/goldilocks.ts'
import { blockWeights, type Form, termBlocks } from '../program/form.ts'
import type { VerifierChannel } from '../zk/channel.ts'
import type { Setup } from './setup.ts'

export type Stacks = Matrices

/** <form, stacks>. */
export const formValue = (backend: Backend, form: Form, setup: Setup, stacks: Stacks): K => {
  let out = K_ZERO
  for (const term of form) {
    const name = term.tensor.commitment
    for (const block of termBlocks(term, layoutOf(setup.layouts, name))) {
      const { coef, weights } = blockWeights(term, block)
      if (kIsZero(coef)) continue
      const data = matrixOf(stacks, name).data.subarray(block.offset, block.offset + 2 ** block.bits)
      const value = backend.productSum([data as BigUint64Array, backend.expand(weights.flat(), K_ONE)])
      out = kAdd(out, kMul(coef, value))
    }
  }
  return out
}

/** Names of the assertions that are not zero. */
export const brokenAssertions = (backend: Backend, channel: VerifierChannel, setup: Setup, stacks: Stacks): string[] => {
  const block = setup.layouts.witness.blocks[setup.pads.id] ?? []
  const pads = new BigUint64Array(2 * setup.extra.total)
  for (const b of block) {
    pads.set((stacks.witness.data as BigUint64Array).subarray(b.offset, b.offset + 2 ** b.bits), b.pieces[0]?.start ?? 0)
  }
  const values = new Map<number, K>()
  const atomValue = (atom: number): K => {
    if (atom >= 0) return [pads[2 * atom] ?? 0n, pads[2 * atom + 1] ?? 0n]
    const known = values.get(atom)
    if (known) return known
    const value = formValue(backend, channel.forms[-1 - atom] ?? [], setup, stacks)
    values.set(atom, value)
    return value
  }
  return channel.assertions
    .filter(({ zero }) => {
      let sum = zero.constant
      for (const [atom, coef] of zero.atoms) sum = kAdd(sum, kMul(coef, atomValue(atom)))
      return !kIsZero(sum)
    })
    .map(a => a.at)
}
