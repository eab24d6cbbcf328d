/** linear: y = rescale(x W^T + b). One contraction over the input's inner axes, its output virtual. */
import {
  entries,
  entry,
  type ProgramBuilder,
  type Weight,
  WEIGHT_BOUND,
  type Wire,
} from '../../graph/graph.ts'
import { checkShift, type Rescaled, rescaled, rescaleRelation } from '../rescale/relation.ts'

export interface LinearSpec {
  readonly name: string
  readonly group: string
  /** Input [tokens, ...inner]. */
  readonly x: Wire
  /** Weights [...outer, ...inner]. */
  readonly w: Weight
  /** Bias [...outer], at scale x.scale + w.scale - biasShift. */
  readonly bias?: Weight
  readonly outer: readonly number[]
  /** Outer axis 0 leads the token axis in the output (rotary halves). */
  readonly lead?: boolean
  readonly scale: number
  readonly bits: number
  /** y is covered by a table lookup. */
  readonly covered?: boolean
}

export interface LinearNode extends LinearSpec {
  readonly op: 'linear'
  readonly y: Rescaled
  readonly out: Wire
}

const inner = (spec: LinearSpec): readonly number[] => spec.x.shape.slice(1)

export const linearShift = (spec: Pick<LinearSpec, 'x' | 'w' | 'scale'>): number =>
  spec.x.scale + spec.w.scale - spec.scale

export const linear = (b: ProgramBuilder, spec: LinearSpec): LinearNode => {
  const tokens = spec.x.shape[0] ?? 1
  const shape = spec.lead ? [spec.outer[0] ?? 1, tokens, ...spec.outer.slice(1)] : [tokens, ...spec.outer]
  const depth = inner(spec).reduce((p, s) => p * s, 1)
  if (spec.bias) checkShift(spec.name, biasShift(spec))
  const bound = depth * spec.x.bound * WEIGHT_BOUND + (spec.bias ? WEIGHT_BOUND * 2 ** biasShift(spec) : 0)
  const y = rescaled(b, { ...spec, shape, shift: linearShift(spec), bound })
  const outAxes = spec.outer.map((_, i) => `o${i}`)
  const inAxes = inner(spec).map((_, i) => `i${i}`)
  const sizes: Record<string, number> = { tok: tokens }
  spec.outer.forEach((s, i) => {
    sizes[`o${i}`] = s
  })
  inner(spec).forEach((s, i) => {
    sizes[`i${i}`] = s
  })
  const axes = spec.lead ? [outAxes[0] as string, 'tok', ...outAxes.slice(1)] : ['tok', ...outAxes]
  rescaleRelation(b, { name: spec.name, group: spec.group, sizes, out: axes, axes }, y, {
    linear: spec.bias ? [entry(spec.bias.tensor, outAxes, 1n << BigInt(biasShift(spec)))] : [],
    products: [
      {
        coef: 1n,
        factors: [
          { kind: 'tensor', entries: entries(spec.x, ['tok', ...inAxes]) },
          { kind: 'tensor', entries: [entry(spec.w.tensor, [...outAxes, ...inAxes])] },
        ],
      },
    ],
  })
  return { ...spec, op: 'linear', y, out: y.out }
}

/** The accumulator's scale above the bias's own. */
export const biasShift = (spec: LinearSpec): number => spec.x.scale + spec.w.scale - (spec.bias?.scale ?? 0)
