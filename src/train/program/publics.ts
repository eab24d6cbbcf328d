/** The public tensors of training: optimiser coefficients and the gathers of convolution and pooling. */
import { InputError } from '../../errors.ts'
import { type K, K_ZERO, kAdd, kMul, kScale, toF } from '../../field/goldilocks.ts'
import { eqWeights, expandWeights } from '../../poly/multilinear.ts'
import type { PublicTensor } from '../../program/program.ts'
import { type Gather, gatherPixels } from '../network.ts'

/** sum_i eq(point, i) values[i]. */
const at = (values: ArrayLike<number>, point: readonly K[]): K => {
  const weights = expandWeights(eqWeights(point))
  let out = K_ZERO
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    if (value !== 0) out = kAdd(out, kScale(weights[i] ?? K_ZERO, toF(BigInt(value))))
  }
  return out
}

/** The prover's tables hold 32 bits. @throws InputError naming the tensor */
const small = (name: string, values: readonly number[]): Int32Array => {
  const far = values.find(v => v >= 2 ** 31 || v < -(2 ** 31))
  if (far !== undefined) throw new InputError(name, 'coefficients of 32 bits; lower rateScale', `${far}`)
  return Int32Array.from(values)
}

/** A vector of integers. */
export const vector = (name: string, values: readonly number[]): PublicTensor => ({
  name,
  shape: [values.length],
  values: () => small(name, values),
  evaluate: ([point = []]) => at(values, point),
})

/** A small matrix, by rows. */
export const matrix = (name: string, rows: readonly (readonly number[])[]): PublicTensor => {
  const columns = rows[0]?.length ?? 0
  return {
    name,
    shape: [rows.length, columns],
    values: () => small(name, rows.flat()),
    evaluate: ([row = [], column = []]) => {
      const weights = expandWeights(eqWeights(row))
      return rows.reduce<K>((s, values, i) => kAdd(s, kMul(weights[i] ?? K_ZERO, at(values, column))), K_ZERO)
    },
  }
}

/** [P, K, Q]: 1 where tap k of position p reads pixel q. */
export const gatherTensor = (name: string, gather: Gather): PublicTensor => {
  const positions = gather.outHeight * gather.outWidth
  const taps = gather.kernelHeight * gather.kernelWidth
  const pixels = gather.height * gather.width
  const reads = gatherPixels(gather)
  let dense: Int32Array | undefined
  return {
    name,
    shape: [positions, taps, pixels],
    values: () => {
      if (dense) return dense
      const out = new Int32Array(positions * taps * pixels)
      reads.forEach((own, i) => {
        for (const q of own) out[i * pixels + q] = 1
      })
      dense = out
      return out
    },
    evaluate: ([position = [], tap = [], pixel = []]) => {
      const byPosition = expandWeights(eqWeights(position))
      const byTap = expandWeights(eqWeights(tap))
      const byPixel = expandWeights(eqWeights(pixel))
      let out = K_ZERO
      for (let p = 0; p < positions; p++) {
        let row = K_ZERO
        for (let k = 0; k < taps; k++) {
          let sum = K_ZERO
          for (const q of reads[p * taps + k] ?? []) sum = kAdd(sum, byPixel[q] ?? K_ZERO)
          row = kAdd(row, kMul(byTap[k] ?? K_ZERO, sum))
        }
        out = kAdd(out, kMul(byPosition[p] ?? K_ZERO, row))
      }
      return out
    },
  }
}
