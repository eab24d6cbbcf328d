/** sum: a residual stream. It commits nothing: the wire is the combination of its summands' tensors. */
import type { Wire } from '../../graph/graph.ts'
import { InternalError } from '../../errors.ts'

export interface SumNode {
  readonly op: 'sum'
  readonly name: string
  readonly a: Wire
  readonly b: Wire
  readonly out: Wire
}

export const sum = (name: string, a: Wire, b: Wire): SumNode => {
  if (a.scale !== b.scale) throw new InternalError(`${name}: scales ${a.scale} and ${b.scale} differ`)
  const out: Wire = {
    name,
    shape: a.shape,
    terms: [...a.terms, ...b.terms],
    scale: a.scale,
    bound: a.bound + b.bound,
  }
  return { op: 'sum', name, a, b, out }
}
