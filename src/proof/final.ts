/** All linear claims of a proof, batched into the one that is opened. */
import type { OpeningClaim } from '../commit/claim.ts'
import { type K, K_ZERO, kAdd, kMul, kNeg, kPowers } from '../field/goldilocks.ts'
import type { Form } from '../program/form.ts'
import type { VerifierChannel } from '../zk/channel.ts'
import { linear } from '../zk/expression.ts'
import { outsideClaim, type WeightsCommitment } from './commitment.ts'
import type { Setup } from './setup.ts'
import { InternalError } from '../errors.ts'
import { BLIND_NAME } from './commitment.ts'

/** sum_k gamma^k assertion_k, k from 1 (no claim has the constant coefficient), and the commitment's own claim. */
export const finalClaim = (channel: VerifierChannel, setup: Setup, commitment: WeightsCommitment, gamma: K): OpeningClaim => {
  const powers = kPowers(gamma, channel.assertions.length + 1)
  const total = linear(...channel.assertions.map(({ zero }, i) => [powers[i] ?? K_ZERO, zero] as const))
  const form: Form[number][] = []
  const pads: K[] = Array.from({ length: 2 * setup.extra.total }, () => K_ZERO)
  for (const [atom, coef] of total.atoms) {
    if (atom >= 0) {
      pads[2 * atom] = kAdd(pads[2 * atom] ?? K_ZERO, coef)
      pads[2 * atom + 1] = kAdd(pads[2 * atom + 1] ?? K_ZERO, kMul(coef, [0n, 1n]))
    } else {
      for (const term of channel.forms[-1 - atom] ?? []) form.push({ ...term, coef: kMul(term.coef, coef) })
    }
  }
  const blind = setup.program.weights.find(t => t.name === BLIND_NAME)
  if (!blind) throw new InternalError('the weights have no blind entries')
  const outside = outsideClaim(commitment, blind, powers.at(-1) ?? K_ZERO)
  return {
    form,
    dense: [{ tensor: setup.pads, coefficients: pads }, ...outside.dense],
    stacks: outside.stacks,
    value: kAdd(kNeg(total.constant), outside.value),
  }
}
