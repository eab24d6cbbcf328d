/** All linear claims of a proof, batched into the one that is opened. */
import type { OpeningClaim } from '../commit/claim.ts'
import { type K, K_ZERO, kAdd, kMul, kNeg, kPowers } from '../field/goldilocks.ts'
import type { Form } from '../program/form.ts'
import type { VerifierChannel } from '../zk/channel.ts'
import { linear } from '../zk/expression.ts'
import { BLIND_NAME, type Commitments, outsideClaim, type WeightsCommitment } from './commitment.ts'
import { STORED } from '../program/program.ts'
import type { Setup } from './setup.ts'
import { InternalError } from '../errors.ts'

/** sum_k gamma^k assertion_k, k from 1 (no claim has the constant coefficient), and each stored commitment's own claim. */
export const finalClaim = (channel: VerifierChannel, setup: Setup, commitments: Commitments, gamma: K): OpeningClaim => {
  const stored = STORED.filter(name => commitments[name])
  const powers = kPowers(gamma, channel.assertions.length + stored.length)
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
  const outside = stored.map((name, i) => {
    const blind = setup.program[name]?.find(t => t.name === BLIND_NAME)
    if (!blind) throw new InternalError(`the ${name} have no blind entries`)
    return outsideClaim(commitments[name] as WeightsCommitment, blind, powers[channel.assertions.length + i] ?? K_ZERO, name)
  })
  return {
    form,
    dense: [{ tensor: setup.pads, coefficients: pads }, ...outside.flatMap(o => o.dense)],
    stacks: outside.flatMap(o => o.stacks),
    value: outside.reduce((s, o) => kAdd(s, o.value), kNeg(total.constant)),
  }
}
