import type { Execution } from '../../graph/execution.ts'
import type { SumNode } from './relation.ts'

export const sumWitness = (x: Execution, node: SumNode, from: number, to: number): void => {
  const width = node.a.shape[1] ?? 1
  const a = x.wire(node.a)
  const b = x.wire(node.b)
  const out = x.wire(node.out)
  for (let i = from * width; i < to * width; i++) out[i] = (a[i] as number) + (b[i] as number)
}
