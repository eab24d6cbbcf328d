import { type Execution, storeRescaled } from '../../graph/execution.ts'
import type { ProductNode } from './relation.ts'

export const productAccumulators = (
  x: Execution,
  node: Pick<ProductNode, 'a' | 'b'>,
  from: number,
  to: number,
): Float64Array => {
  const width = node.a.shape[1] ?? 1
  const a = x.wire(node.a)
  const b = x.wire(node.b)
  const acc = new Float64Array((to - from) * width)
  for (let i = 0; i < acc.length; i++)
    acc[i] = (a[from * width + i] as number) * (b[from * width + i] as number)
  return acc
}

export const productWitness = (x: Execution, node: ProductNode, from: number, to: number): void => {
  const width = node.a.shape[1] ?? 1
  const acc = productAccumulators(x, node, from, to)
  storeRescaled(x, node.y, acc, 0, from * width, acc.length)
}
