import { type Execution, overflow } from '../../graph/execution.ts'
import { TABLE_BITS, type TableNode } from './relation.ts'

export const tableWitness = (x: Execution, node: TableNode, from: number, to: number): void => {
  const width = node.x.shape.slice(1).reduce((p, s) => p * s, 1)
  const input = x.wire(node.x)
  const y = x.ints(node.y)
  const half = 2 ** (TABLE_BITS - 1)
  for (let i = from * width; i < to * width; i++) {
    const value = input[i] as number
    if (value < -half || value >= half) throw overflow(node.name, value, TABLE_BITS)
    y[i] = node.values[value + half] as number
  }
}
