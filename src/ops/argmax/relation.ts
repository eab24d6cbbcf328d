/**
 * LM head and argmax. For generated position i with chosen token c_i (public): the chosen logit L_i less each logit is
 * L_i - sum_d x(i, d) E(v, d) - [v < c_i] = diff(i, v) in [0, 2^48), by limbs; and diff(i, c_i) = 0 pins L_i. Ties go
 * to the lowest token. The logits themselves are accumulators, never rounded.
 */
import { K_ZERO, kAdd, kMul } from '../../field/goldilocks.ts'
import { expandWeights, eqWeights, rangeAt } from '../../poly/multilinear.ts'
import type { PublicTensor, Tensor } from '../../program/program.ts'
import {
  checkAccumulator,
  entry,
  type ProgramBuilder,
  type Weight,
  WEIGHT_BOUND,
  type Wire,
  entries,
} from '../../graph/graph.ts'
import { type Limbs, limbEntries, limbs } from '../rescale/relation.ts'

export interface ArgmaxSpec {
  readonly name: string
  /** Final hidden states [tokens, d]. */
  readonly x: Wire
  /** Head [vocabulary, d]. */
  readonly head: Weight
  /** Position whose logits choose chosen[0]; the following positions choose the rest. */
  readonly first: number
  readonly chosen: readonly number[]
}

export interface ArgmaxNode extends ArgmaxSpec {
  readonly op: 'argmax'
  /** x at the choosing positions [chosen, d]. */
  readonly rows: Tensor
  readonly best: Tensor
  readonly diff: Limbs
}

/** [v < chosen_i] as a public [chosen, vocabulary] tensor. */
const below = (chosen: readonly number[], vocabulary: number): PublicTensor => ({
  name: 'tokens below the chosen one',
  shape: [chosen.length, vocabulary],
  values: () =>
    Int32Array.from({ length: chosen.length * vocabulary }, (_, i) =>
      i % vocabulary < (chosen[Math.floor(i / vocabulary)] ?? 0) ? 1 : 0,
    ),
  evaluate: ([position = [], token = []]) => {
    const weights = expandWeights(eqWeights(position))
    return chosen.reduce((s, c, i) => kAdd(s, kMul(weights[i] ?? K_ZERO, rangeAt(c, token))), K_ZERO)
  },
})

export const argmax = (b: ProgramBuilder, spec: ArgmaxSpec): ArgmaxNode => {
  const { name, x, head, chosen } = spec
  const count = chosen.length
  const [vocabulary, d] = head.tensor.shape as [number, number]
  const bound = 2 * d * x.bound * WEIGHT_BOUND
  // One bit of room, so that a difference of 62 bits is unique modulo p for any committed weights.
  checkAccumulator(name, 2 * bound)
  const sizes = { gen: count, v: vocabulary, d }
  const rows = b.tensor(`${name}.rows`, [count, d])
  b.relate({
    name: `${name}:rows`,
    group: `${name}:rows`,
    sizes,
    out: ['gen', 'd'],
    linear: [
      entry(rows, ['gen', 'd'], -1n),
      ...chosen.flatMap((_, i) => entries(x, [{ at: spec.first + i }, 'd'], 1n, { gen: i })),
    ],
  })
  const best = b.tensor(`${name}.best`, [count])
  const diff = limbs(b, `${name}.diff`, [count, vocabulary], Math.ceil(Math.log2(bound)) + 1)
  b.relate({
    name: `${name}:logits`,
    group: `${name}:logits`,
    sizes,
    out: ['gen', 'v'],
    linear: [entry(best, ['gen']), ...limbEntries(diff, ['gen', 'v'], -1n)],
    publics: [{ coef: -1n, tensor: below(chosen, vocabulary), axes: ['gen', 'v'], pins: {} }],
    products: [
      {
        coef: -1n,
        factors: [
          { kind: 'tensor', entries: [entry(rows, ['gen', 'd'])] },
          { kind: 'tensor', entries: [entry(head.tensor, ['v', 'd'])] },
        ],
      },
    ],
  })
  b.relate({
    name: `${name}:chosen`,
    group: `${name}:chosen`,
    sizes,
    out: ['gen'],
    linear: chosen.flatMap((token, i) => limbEntries(diff, [{ at: i }, { at: token }], 1n, { gen: i })),
  })
  return { ...spec, op: 'argmax', rows, best, diff }
}
