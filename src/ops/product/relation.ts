/** product: y = rescale(a * b), entry by entry (the gated product of SwiGLU). */
import { entries, type ProgramBuilder, type Wire } from '../../graph/graph.ts'
import { type Rescaled, rescaled, rescaleRelation } from '../rescale/relation.ts'

export interface ProductSpec {
  readonly name: string
  readonly group: string
  /** [tokens, width] both. */
  readonly a: Wire
  readonly b: Wire
  readonly scale: number
  readonly bits: number
}

export interface ProductNode extends ProductSpec {
  readonly op: 'product'
  readonly y: Rescaled
  readonly out: Wire
}

export const product = (b: ProgramBuilder, spec: ProductSpec): ProductNode => {
  const axes = ['tok', 'f']
  const sizes = { tok: spec.a.shape[0] ?? 1, f: spec.a.shape[1] ?? 1 }
  const shift = spec.a.scale + spec.b.scale - spec.scale
  const y = rescaled(b, { ...spec, shape: spec.a.shape, shift, bound: spec.a.bound * spec.b.bound })
  rescaleRelation(b, { name: spec.name, group: spec.group, sizes, out: axes, axes }, y, {
    products: [
      {
        coef: 1n,
        factors: [
          { kind: 'tensor', entries: entries(spec.a, axes) },
          { kind: 'tensor', entries: entries(spec.b, axes) },
        ],
      },
    ],
  })
  return { ...spec, op: 'product', y, out: y.out }
}
