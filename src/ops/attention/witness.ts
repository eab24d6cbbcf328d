import { type Execution, overflow, storeLimbs, storeRescaled, storeSigned } from '../../graph/execution.ts'
import { type AttentionNode, SENTINEL } from './relation.ts'

/** Sizes of a score's axes; `halves` is 2 where rotary components lead. */
export interface Dims {
  readonly tokens: number
  readonly groups: number
  readonly repeats: number
  readonly dim: number
  readonly halves: number
}

const dims = (node: AttentionNode): Dims => {
  const halves = node.rotary ? 2 : 1
  const [tokens = 1, repeats = 1, groups = 1, dim = 1] = node.q.shape.slice(node.rotary ? 1 : 0)
  return { tokens, groups, repeats, dim, halves }
}

/** q_i . k_j of one head, exact. */
export const score = (
  q: Int32Array,
  k: Int32Array,
  d: Dims,
  i: number,
  j: number,
  g: number,
  r: number,
): number => {
  let sum = 0
  for (let c = 0; c < d.halves; c++) {
    const a = (((c * d.tokens + i) * d.repeats + r) * d.groups + g) * d.dim
    const b = ((c * d.tokens + j) * d.groups + g) * d.dim
    for (let m = 0; m < d.dim; m++) sum += (q[a + m] as number) * (k[b + m] as number)
  }
  return sum
}

export const attentionWitness = (x: Execution, node: AttentionNode, from: number, to: number): void => {
  const d = dims(node)
  const { tokens, groups, repeats } = d
  const q = x.wire(node.q)
  const k = x.wire(node.k)
  const v = x.wire(node.v)
  const z = x.ints(node.z.y.tensor)
  const t = x.ints(node.t)
  const e = x.ints(node.e)
  const peak = x.ints(node.peak)
  const acc = new Float64Array(tokens)
  const mix = new Float64Array(node.headDim)
  for (let i = from; i < to; i++) {
    for (let r = 0; r < repeats; r++) {
      for (let g = 0; g < groups; g++) {
        const row = (i * repeats + r) * groups + g
        const base = row * tokens
        for (let j = 0; j <= i; j++) acc[j] = score(q, k, d, i, j, g, r)
        storeRescaled(x, node.z, acc, 0, base, i + 1)
        let max = Number.NEGATIVE_INFINITY
        for (let j = 0; j <= i; j++) max = Math.max(max, z[base + j] as number)
        storeSigned(x, node.max, row, max)
        let sum = 0
        let peaks = 0
        mix.fill(0)
        for (let j = 0; j <= i; j++) {
          const shift = max - (z[base + j] as number)
          if (shift >= SENTINEL) throw overflow(`${node.name}.t`, shift, 16)
          t[base + j] = shift
          const weight = node.exponentials[shift] as number
          e[base + j] = weight
          if (shift === 0) {
            peak[base + j] = 1
            peaks++
          }
          sum += weight
          const at = (j * groups + g) * node.headDim
          for (let h = 0; h < node.headDim; h++) mix[h] = (mix[h] as number) + weight * (v[at + h] as number)
        }
        for (let j = i + 1; j < tokens; j++) t[base + j] = SENTINEL
        storeLimbs(x, node.count, row, peaks - 1)
        for (let h = 0; h < node.headDim; h++) {
          const numerator = 2 * (mix[h] as number) + sum
          const value = Math.floor(numerator / (2 * sum))
          const rest = numerator - value * 2 * sum
          const at = row * node.headDim + h
          storeSigned(x, node.y, at, value)
          storeLimbs(x, node.rem, at, rest)
          storeLimbs(x, node.cap, at, 2 * sum - 1 - rest)
        }
      }
    }
  }
}

/** The scores of pairs (i, j > i), known once every key is. */
export const attentionFinish = (x: Execution, node: AttentionNode): void => {
  const d = dims(node)
  const q = x.wire(node.q)
  const k = x.wire(node.k)
  const acc = new Float64Array(d.tokens)
  for (let i = 0; i < d.tokens; i++) {
    for (let r = 0; r < d.repeats; r++) {
      for (let g = 0; g < d.groups; g++) {
        const base = ((i * d.repeats + r) * d.groups + g) * d.tokens
        for (let j = i + 1; j < d.tokens; j++) acc[j] = score(q, k, d, i, j, g, r)
        storeRescaled(x, node.z, acc, i + 1, base + i + 1, d.tokens - i - 1)
      }
    }
  }
}
