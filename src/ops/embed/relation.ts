/**
 * embed: h = rescale(E[token] + P[position + offset]). Public tokens pick rows of E and P: the identity is linear in
 * the weights. Private tokens: (token, row) is a row of the table E, by lookup over the committed tensors.
 */
import type { Entry } from '../../program/program.ts'
import { entry, type ProgramBuilder, type Weight, WEIGHT_BOUND, type Wire } from '../../graph/graph.ts'
import { type Rescaled, rescaled, rescaleRelation } from '../rescale/relation.ts'

export interface EmbedSpec {
  readonly name: string
  readonly tokens: readonly number[]
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
  const y = rescaled(b, { name: spec.name, group: spec.name, shape: [tokens, d], shift: scale - spec.scale, bits: spec.bits, scale: spec.scale, bound })
  const linear: Entry[] = spec.tokens.map((token, i) =>
    entry(spec.table.tensor, [{ at: token }, 'd'], 1n << BigInt(tableShift), { tok: i }),
  )
  if (spec.positions) {
    const { tensor } = spec.positions
    spec.tokens.forEach((_, i) => {
      linear.push(entry(tensor, [{ at: i + spec.positionOffset }, 'd'], 1n << BigInt(positionShift), { tok: i }))
    })
  }
  rescaleRelation(b, { name: spec.name, group: spec.name, sizes: { tok: tokens, d }, out: ['tok', 'd'], axes: ['tok', 'd'] }, y, { linear })
  return { ...spec, op: 'embed', y, out: y.out, tableShift, positionShift }
}
