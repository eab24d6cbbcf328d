/**
 * embed: h = rescale(E[token] + P[position + offset]). Public tokens pick rows of E and P: the identity is linear in
 * the weights. With private tokens every position commits a row of a 0/1 matrix O that sums to 1, its public tokens
 * pinned, and E[token] becomes the contraction O E.
 */
import type { Entry, Product, Tensor } from '../../program/program.ts'
import { entry, type ProgramBuilder, type Weight, WEIGHT_BOUND, type Wire } from '../../graph/graph.ts'
import { type Rescaled, rescaled, rescaleRelation } from '../rescale/relation.ts'

export interface EmbedSpec {
  readonly name: string
  /** One per position; null where the token is private. */
  readonly tokens: readonly (number | null)[]
  /** [vocabulary, d] */
  readonly table: Weight
  /** [positions, d] */
  readonly positions?: Weight
  readonly positionOffset: number
  readonly scale: number
  readonly bits: number
}

export interface EmbedNode extends EmbedSpec {
  readonly op: 'embed'
  readonly y: Rescaled
  readonly out: Wire
  /** Shifts that bring E and P to the accumulator's scale. */
  readonly tableShift: number
  readonly positionShift: number
  /** [tokens, vocabulary] of 0 and 1, if any token is private. */
  readonly oneHot: Tensor | undefined
}

/** O^2 = O, every row sums to 1, and the public tokens' entries are 1. */
const oneHotTensor = (b: ProgramBuilder, spec: EmbedSpec): Tensor => {
  const count = spec.tokens.length
  const vocabulary = spec.table.tensor.shape[0] ?? 1
  const sizes = { tok: count, v: vocabulary }
  const one = b.tensor(`${spec.name}.onehot`, [count, vocabulary])
  const bit = { kind: 'tensor', entries: [entry(one, ['tok', 'v'])] } as const
  b.relate({
    name: `${spec.name}:bit`,
    group: `${spec.name}:bit`,
    sizes,
    out: ['tok', 'v'],
    linear: [entry(one, ['tok', 'v'], -1n)],
    products: [{ coef: 1n, factors: [bit, bit] }],
  })
  b.relate({
    name: `${spec.name}:one token`,
    group: `${spec.name}:one token`,
    sizes,
    out: ['tok'],
    linear: [entry(one, ['tok', 'v'])],
    constants: [{ value: -1n, pins: {} }],
  })
  const known = spec.tokens.flatMap((token, at) => (token === null ? [] : [{ token, at }]))
  if (known.length > 0) {
    b.relate({
      name: `${spec.name}:public tokens`,
      group: `${spec.name}:public tokens`,
      sizes: { pub: known.length },
      out: ['pub'],
      linear: known.map(({ token, at }, i) => entry(one, [{ at }, { at: token }], 1n, { pub: i })),
      constants: [{ value: -1n, pins: {} }],
    })
  }
  return one
}

/** The accumulator's scale: that of the finest summand, at least the output's. */
const accumulatorScale = (spec: Pick<EmbedSpec, 'table' | 'positions' | 'scale'>): number =>
  Math.max(spec.scale, spec.table.scale, spec.positions?.scale ?? Number.NEGATIVE_INFINITY)

export const embed = (b: ProgramBuilder, spec: EmbedSpec): EmbedNode => {
  const tokens = spec.tokens.length
  const d = spec.table.tensor.shape[1] ?? 1
  const scale = accumulatorScale(spec)
  const tableShift = scale - spec.table.scale
  const positionShift = spec.positions ? scale - spec.positions.scale : 0
  const bound = WEIGHT_BOUND * (2 ** tableShift + (spec.positions ? 2 ** positionShift : 0))
  const y = rescaled(b, {
    name: spec.name,
    group: spec.name,
    shape: [tokens, d],
    shift: scale - spec.scale,
    bits: spec.bits,
    scale: spec.scale,
    bound,
  })
  const unit = 1n << BigInt(tableShift)
  const oneHot = spec.tokens.includes(null) ? oneHotTensor(b, spec) : undefined
  const linear: Entry[] = oneHot
    ? []
    : spec.tokens.map((token, i) => entry(spec.table.tensor, [{ at: token ?? 0 }, 'd'], unit, { tok: i }))
  const products: Product[] = oneHot
    ? [
        {
          coef: unit,
          factors: [
            { kind: 'tensor', entries: [entry(oneHot, ['tok', 'v'])] },
            { kind: 'tensor', entries: [entry(spec.table.tensor, ['v', 'd'])] },
          ],
        },
      ]
    : []
  if (spec.positions) {
    const { tensor } = spec.positions
    spec.tokens.forEach((_, i) => {
      linear.push(
        entry(tensor, [{ at: i + spec.positionOffset }, 'd'], 1n << BigInt(positionShift), { tok: i }),
      )
    })
  }
  rescaleRelation(
    b,
    {
      name: spec.name,
      group: spec.name,
      sizes: { tok: tokens, d, v: spec.table.tensor.shape[0] ?? 1 },
      out: ['tok', 'd'],
      axes: ['tok', 'd'],
    },
    y,
    { linear, products },
  )
  return { ...spec, op: 'embed', y, out: y.out, tableShift, positionShift, oneHot }
}
