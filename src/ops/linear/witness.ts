import { accumulators, type Execution, storeRescaled } from '../../graph/execution.ts'
import { biasShift, type LinearNode } from './relation.ts'

/** x W^T + b for rows from..to as exact doubles, [rows][outer]. */
export const linearAccumulators = (
  x: Execution,
  node: Omit<LinearNode, 'y' | 'out' | 'op'>,
  from: number,
  to: number,
): Float64Array => {
  const depth = node.x.shape.slice(1).reduce((p, s) => p * s, 1)
  const width = node.outer.reduce((p, s) => p * s, 1)
  const rows = x.wire(node.x).subarray(from * depth, to * depth)
  const acc = accumulators(
    x.backend.matmul(rows, x.weight(node.w.tensor), to - from, width, depth),
    node.name,
  )
  if (node.bias) {
    const bias = x.weight(node.bias.tensor)
    const unit = 2 ** biasShift(node)
    for (let i = 0; i < acc.length; i++) acc[i] = (acc[i] as number) + (bias[i % width] as number) * unit
  }
  return acc
}

export const linearWitness = (x: Execution, node: LinearNode, from: number, to: number): void => {
  const acc = linearAccumulators(x, node, from, to)
  const width = node.outer.reduce((p, s) => p * s, 1)
  if (!node.lead) {
    storeRescaled(x, node.y, acc, 0, from * width, acc.length)
    return
  }
  const lead = node.outer[0] ?? 1
  const rest = width / lead
  const tokens = node.x.shape[0] ?? 1
  for (let row = from; row < to; row++) {
    for (let c = 0; c < lead; c++) {
      storeRescaled(x, node.y, acc, (row - from) * width + c * rest, (c * tokens + row) * rest, rest)
    }
  }
}
