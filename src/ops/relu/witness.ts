import { type Execution, overflow, storeLimbs } from '../../graph/execution.ts'
import { RELU_BITS, type ReluNode } from './relation.ts'

export const reluWitness = (x: Execution, node: ReluNode, from: number, to: number): void => {
  const width = node.x.shape[1] ?? 1
  const input = x.wire(node.x)
  const half = 2 ** RELU_BITS
  for (let i = from * width; i < to * width; i++) {
    const value = input[i] as number
    if (value < -half || value >= half) throw overflow(node.name, value, RELU_BITS + 1)
    const sign = value < 0 ? 1 : 0
    x.ints(node.sign)[i] = sign
    storeLimbs(x, node.magnitude, i, value + sign * half)
    x.ints(node.y)[i] = Math.max(0, value)
  }
}
