import { type Execution, storeRescaled } from '../../graph/execution.ts'
import type { RopeNode } from './relation.ts'

export const ropeWitness = (x: Execution, node: RopeNode, from: number, to: number): void => {
  const [, tokens = 1, ...rest] = node.x.shape
  const width = rest.reduce((p, s) => p * s, 1)
  const half = rest.at(-1) ?? 1
  const input = x.wire(node.x)
  const cos = node.cos.values()
  const sin = node.sin.values()
  const acc = new Float64Array(width)
  for (let t = from; t < to; t++) {
    for (const c of [0, 1]) {
      const own = (c * tokens + t) * width
      const other = ((1 - c) * tokens + t) * width
      const sign = c === 0 ? -1 : 1
      for (let i = 0; i < width; i++) {
        const at = t * half + (i % half)
        acc[i] =
          (input[own + i] as number) * (cos[at] as number) +
          sign * (input[other + i] as number) * (sin[at] as number)
      }
      storeRescaled(x, node.y, acc, 0, own, width)
    }
  }
}
