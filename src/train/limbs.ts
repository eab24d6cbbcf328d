/** Splitting values into the limbs that are committed. Prover only. */
import type { Limbs } from '../ops/rescale/relation.ts'
import type { Program, Tensor } from '../program/program.ts'

const SIXTEEN = 65536

/** The 16-bit limbs of non-negative integers, least significant first. */
export const storeSplit = (
  limbs: Limbs,
  value: ArrayLike<number>,
  put: (tensor: Tensor, value: Int32Array) => void,
): void => {
  if (limbs.tensors.length === 1) {
    put(limbs.tensors[0] as Tensor, Int32Array.from(value))
    return
  }
  const parts = limbs.tensors.map(() => new Int32Array(value.length))
  for (let i = 0; i < value.length; i++) {
    let rest = value[i] as number
    for (const part of parts) {
      const high = Math.floor(rest / SIXTEEN)
      part[i] = rest - high * SIXTEEN
      rest = high
    }
  }
  limbs.tensors.forEach((tensor, k) => {
    put(tensor, parts[k] as Int32Array)
  })
}

/** The high limbs beside signed values of more than 16 bits, found by the lookups that tie them to their values. */
export const storeHighLimbs = (
  program: Program,
  values: (tensor: Tensor) => Int32Array,
  put: (tensor: Tensor, value: Int32Array) => void,
): void => {
  for (const { columns } of program.lookups) {
    const [low, high] = columns[0]?.entries ?? []
    if (!low || high?.coef !== -65536n) continue
    const offset = Number(columns[0]?.offset ?? 0n)
    put(
      high.tensor,
      values(low.tensor).map(v => Math.floor((v + offset) / SIXTEEN)),
    )
  }
}
