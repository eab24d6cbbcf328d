import { type Execution, storeRescaled } from '../../graph/execution.ts'
import type { EmbedNode } from './relation.ts'

export const embedWitness = (
  x: Execution,
  node: EmbedNode,
  tokens: ArrayLike<number>,
  from: number,
  to: number,
): void => {
  const d = node.table.tensor.shape[1] ?? 1
  const table = x.weight(node.table.tensor)
  const positions = node.positions ? x.weight(node.positions.tensor) : undefined
  const acc = new Float64Array(d)
  for (let i = from; i < to; i++) {
    const token = tokens[i] as number
    if (node.oneHot) x.ints(node.oneHot)[i * (node.table.tensor.shape[0] ?? 1) + token] = 1
    for (let j = 0; j < d; j++) {
      acc[j] = (table[token * d + j] as number) * 2 ** node.tableShift
      if (positions)
        acc[j] =
          (acc[j] as number) +
          (positions[(i + node.positionOffset) * d + j] as number) * 2 ** node.positionShift
    }
    storeRescaled(x, node.y, acc, 0, i * d, d)
  }
}
