/** The public tensors of language models: causal masks and rotary tables. */
import { type K, K_ZERO, kAdd, kMul, kSub, toF } from '../../field/goldilocks.ts'
import type { ModelConfig } from '../../import/config.ts'
import { ropeTables } from '../../import/rope.ts'
import { ROPE_SCALE } from '../../ops/rope/relation.ts'
import { eqWeights, expandWeights, rangeAt } from '../../poly/multilinear.ts'
import type { PublicTensor } from '../../program/program.ts'

/** Extension of [i, j < size and j <= i] (seen) over the padded square. */
const seenAt = (size: number, row: readonly K[], key: readonly K[]): K => {
  // sum_{i < size} eq(row, i) [j <= i](key), the inner indicator accumulated from eq(key, 0..i).
  const rows = expandWeights(eqWeights(row))
  const keys = expandWeights(eqWeights(key))
  let upTo = K_ZERO
  let out = K_ZERO
  for (let i = 0; i < size; i++) {
    upTo = kAdd(upTo, keys[i] ?? K_ZERO)
    out = kAdd(out, kMul(rows[i] ?? K_ZERO, upTo))
  }
  return out
}

export const causalMasks = (size: number): { seen: PublicTensor; hidden: PublicTensor } => {
  const mask =
    (name: string, test: (i: number, j: number) => boolean): (() => Int32Array) =>
    () =>
      Int32Array.from({ length: size * size }, (_, at) => (test(Math.floor(at / size), at % size) ? 1 : 0))
  const points = (p: readonly (readonly K[])[]): [readonly K[], readonly K[]] => [p[0] ?? [], p[1] ?? []]
  return {
    seen: {
      name: 'seen',
      shape: [size, size],
      values: mask('seen', (i, j) => j <= i),
      evaluate: p => seenAt(size, ...points(p)),
    },
    hidden: {
      name: 'hidden',
      shape: [size, size],
      values: mask('hidden', (i, j) => j > i),
      evaluate: p => {
        const [row, key] = points(p)
        return kSub(kMul(rangeAt(size, row), rangeAt(size, key)), seenAt(size, row, key))
      },
    },
  }
}

/** A dense public tensor of two axes, evaluated by summation. */
const dense = (name: string, shape: readonly [number, number], values: Int32Array): PublicTensor => ({
  name,
  shape,
  values: () => values,
  evaluate: ([row = [], column = []]) => {
    const rows = expandWeights(eqWeights(row))
    const columns = expandWeights(eqWeights(column))
    let out: K = K_ZERO
    for (let i = 0; i < shape[0]; i++) {
      let c0 = 0n
      let c1 = 0n
      for (let j = 0; j < shape[1]; j++) {
        const v = BigInt(values[i * shape[1] + j] ?? 0)
        const w = columns[j] ?? K_ZERO
        c0 += v * w[0]
        c1 += v * w[1]
      }
      out = kAdd(out, kMul(rows[i] ?? K_ZERO, [toF(c0), toF(c1)]))
    }
    return out
  },
})

export const rotaryTables = (
  config: ModelConfig,
  positions: number,
): { cos: PublicTensor; sin: PublicTensor } => {
  const { cos, sin } = ropeTables(config, positions)
  const shape = [positions, config.headDim / 2] as const
  const quantise = (v: Float64Array): Int32Array =>
    Int32Array.from(v, x => Math.floor(x * 2 ** ROPE_SCALE + 0.5))
  return { cos: dense('cos', shape, quantise(cos)), sin: dense('sin', shape, quantise(sin)) }
}
