/**
 * RoPE: (x0, x1) -> (x0 cos - x1 sin, x1 cos + x0 sin), rescaled; the halves lie on the leading axis and the integer
 * cosines and sines (scale 2^14) are public.
 */
import type { Factor, PublicTensor } from '../../program/program.ts'
import { type ProgramBuilder, type Wire, entries } from '../../graph/graph.ts'
import { type Rescaled, rescaled, rescaleRelation } from '../rescale/relation.ts'

export const ROPE_SCALE = 14

export interface RopeSpec {
  readonly name: string
  readonly group: string
  /** [2, tokens, ...heads, headDim / 2] */
  readonly x: Wire
  /** [tokens, headDim / 2] each. */
  readonly cos: PublicTensor
  readonly sin: PublicTensor
  readonly bits: number
}

export interface RopeNode extends RopeSpec {
  readonly op: 'rope'
  readonly y: Rescaled
  readonly out: Wire
}

export const rope = (b: ProgramBuilder, spec: RopeSpec): RopeNode => {
  const shape = spec.x.shape
  const y = rescaled(b, {
    ...spec,
    shape,
    shift: ROPE_SCALE,
    scale: spec.x.scale,
    bound: 2 * spec.x.bound * 2 ** ROPE_SCALE,
  })
  const heads = shape.slice(2, -1).map((_, i) => `h${i}`)
  const names = ['tok', ...heads, 'm']
  const sizes: Record<string, number> = {}
  names.forEach((n, i) => {
    sizes[n] = shape[i + 1] ?? 1
  })
  const half = (at: number, coef = 1n): Factor => ({
    kind: 'tensor',
    entries: entries(spec.x, [{ at }, ...names], coef),
  })
  const table = (t: PublicTensor): Factor => ({ kind: 'public', tensor: t, axes: ['tok', 'm'] })
  for (const c of [0, 1]) {
    rescaleRelation(
      b,
      { name: `${spec.name} ${c}`, group: spec.group, sizes, out: names, axes: [{ at: c }, ...names] },
      y,
      {
        products: [
          { coef: 1n, factors: [half(c), table(spec.cos)] },
          { coef: c === 0 ? -1n : 1n, factors: [half(1 - c), table(spec.sin)] },
        ],
      },
    )
  }
  return { ...spec, op: 'rope', y, out: y.out }
}
