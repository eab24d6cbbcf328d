import { accumulators, type Execution } from '../../graph/execution.ts'
import { InternalError } from '../../errors.ts'
import type { ArgmaxNode } from './relation.ts'

/** Logits of one position, exact. */
export const logits = (
  x: Execution,
  node: Pick<ArgmaxNode, 'x' | 'head' | 'name'>,
  position: number,
): Float64Array => {
  const [vocabulary, d] = node.head.tensor.shape as [number, number]
  const row = x.wire(node.x).subarray(position * d, (position + 1) * d)
  return accumulators(x.backend.matmul(row, x.weight(node.head.tensor), 1, vocabulary, d), node.name)
}

/** The lowest index of the largest value. */
export const argmaxOf = (values: Float64Array): number => {
  let best = 0
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i
  return best
}

/** Once the whole sequence is known: rows, chosen logits and differences. */
export const argmaxFinish = (x: Execution, node: ArgmaxNode): void => {
  const [vocabulary, d] = node.head.tensor.shape as [number, number]
  const count = node.chosen.length
  const input = x.wire(node.x)
  const rows = x.ints(node.rows)
  rows.set(input.subarray(node.first * d, (node.first + count) * d))
  const all = accumulators(
    x.backend.matmul(rows, x.weight(node.head.tensor), count, vocabulary, d),
    node.name,
  )
  const best = x.wide(node.best)
  const limbs = node.diff.tensors.map(t => x.ints(t))
  node.chosen.forEach((token, i) => {
    const top = all[i * vocabulary + token] as number
    best[i] = BigInt(top)
    for (let v = 0; v < vocabulary; v++) {
      let rest = top - (all[i * vocabulary + v] as number) - (v < token ? 1 : 0)
      if (rest < 0) throw new InternalError(`${node.name}: token ${token} at ${i} is not the argmax`)
      for (const limb of limbs) {
        const high = Math.floor(rest / 65536)
        limb[i * vocabulary + v] = rest - high * 65536
        rest = high
      }
    }
  })
}
