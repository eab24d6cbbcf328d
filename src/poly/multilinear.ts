/** Multilinear tools on scalars. Points list their MOST significant coordinate first. */
import { type K, K_ONE, K_ZERO, kAdd, kFrom, kInv, kMul, kSub, toF } from '../field/goldilocks.ts'

/** Per-bit weights: a tensor-product functional takes weight w0 where the bit is 0 and w1 where it is 1. */
export type BitWeights = readonly [K, K]

/** The least b with 2^b >= n, exact for n up to 2^53. */
export const log2Ceil = (n: number): number => {
  if (n <= 1) return 0
  const high = Math.floor((n - 1) / 2 ** 32)
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(n - 1)
}

const eqMemo = new WeakMap<readonly K[], readonly BitWeights[]>()

/** Weights of evaluation at a point (never changed afterwards): bit b takes (1 - z_b, z_b). One array per point. */
export const eqWeights = (point: readonly K[]): readonly BitWeights[] => {
  const known = eqMemo.get(point)
  if (known) return known
  const weights = point.map(z => [kSub(K_ONE, z), z] as const)
  eqMemo.set(point, weights)
  return weights
}

/** Weights that pick one index of 2^bits. */
export const indexWeights = (index: number, bits: number): BitWeights[] =>
  Array.from({ length: bits }, (_, b) =>
    Math.floor(index / 2 ** (bits - 1 - b)) % 2 === 1 ? ([K_ZERO, K_ONE] as const) : ([K_ONE, K_ZERO] as const),
  )

/** Weights that sum over every index. */
export const onesWeights = (bits: number): BitWeights[] =>
  Array.from({ length: bits }, () => [K_ONE, K_ONE] as const)

/** Weights x^index: bit of value 2^k takes (1, x^(2^k)). */
export const powerWeights = (x: K, bits: number): BitWeights[] => {
  const out: BitWeights[] = []
  let power = x
  for (let b = 0; b < bits; b++) {
    out.unshift([K_ONE, power])
    power = kMul(power, power)
  }
  return out
}

/** eq(x, y) = prod_b (x_b y_b + (1 - x_b)(1 - y_b)). */
export const eq = (x: readonly K[], y: readonly K[]): K => {
  let out = K_ONE
  x.forEach((a, b) => {
    out = kMul(out, weightAt([kSub(K_ONE, a), a], y[b] ?? K_ZERO))
  })
  return out
}

/** The weight of one bit, extended to a coordinate r: w0 (1 - r) + w1 r. */
export const weightAt = ([w0, w1]: BitWeights, r: K): K => kAdd(w0, kMul(r, kSub(w1, w0)))

/** The multilinear extension of a tensor-product functional's coefficient vector at a point. */
export const weightsAt = (weights: readonly BitWeights[], point: readonly K[]): K => {
  let out = K_ONE
  weights.forEach((w, b) => {
    out = kMul(out, weightAt(w, point[b] ?? K_ZERO))
  })
  return out
}

/** All 2^n products, index bit 0 of the point being the most significant. */
export const expandWeights = (weights: readonly BitWeights[], scale: K = K_ONE): K[] => {
  let out: K[] = [scale]
  for (const [w0, w1] of weights) {
    const next: K[] = []
    for (const v of out) next.push(kMul(v, w0), kMul(v, w1))
    out = next
  }
  return out
}

/** Multilinear extension of the indicator of [0, size) at a point of log2Ceil(size) coordinates. */
export const rangeAt = (size: number, point: readonly K[]): K => {
  const bits = point.length
  if (size >= 2 ** bits) return K_ONE
  let below = K_ZERO
  let prefix = K_ONE
  point.forEach((z, b) => {
    const bit = Math.floor(size / 2 ** (bits - 1 - b)) & 1
    if (bit) {
      below = kAdd(below, kMul(prefix, kSub(K_ONE, z)))
      prefix = kMul(prefix, z)
    } else {
      prefix = kMul(prefix, kSub(K_ONE, z))
    }
  })
  return below
}

/** 16-bit limbs of weights: limbs[4 c + k][i] is limb k of component c of weight i. */
const weightLimbs = (weights: readonly K[]): Float64Array[] =>
  Array.from({ length: 8 }, (_, at) => {
    const shift = BigInt(16 * (at & 3))
    return Float64Array.from(weights, w => Number(((at < 4 ? w[0] : w[1]) >> shift) & 0xffffn))
  })

/**
 * Multilinear extension of a vector (zero-padded to 2^point.length) of integers at a point. The low half of the
 * variables is summed in exact doubles, limb by limb: |value| * 2^16 * 2^lowBits stays below 2^53.
 */
export const evaluateInts = (values: ArrayLike<number>, point: readonly K[]): K => {
  let largest = 1
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] as number))
  const room = 36 - Math.ceil(Math.log2(largest + 1))
  const lowBits = Math.max(0, Math.min(point.length >> 1, room))
  const width = 2 ** lowBits
  const limbs = weightLimbs(expandWeights(eqWeights(point.slice(point.length - lowBits))))
  const high = expandWeights(eqWeights(point.slice(0, point.length - lowBits)))
  let out = K_ZERO
  for (let h = 0; h * width < values.length; h++) {
    const end = Math.min(width, values.length - h * width)
    const component = (c: number): bigint => {
      let sum = 0n
      for (let k = 3; k >= 0; k--) {
        const limb = limbs[4 * c + k] as Float64Array
        let part = 0
        for (let i = 0; i < end; i++) part += (values[h * width + i] as number) * (limb[i] as number)
        sum = (sum << 16n) + BigInt(part)
      }
      return toF(sum)
    }
    out = kAdd(out, kMul(high[h] ?? K_ZERO, [component(0), component(1)]))
  }
  return out
}

/** 1 / prod_{j != i} (i - j) over the nodes 0..degree. */
const inverseDenominators = (degree: number): K[] =>
  Array.from({ length: degree + 1 }, (_, i) => {
    let denominator = 1n
    for (let j = 0; j <= degree; j++) if (j !== i) denominator *= BigInt(i - j)
    return kInv(kFrom(denominator))
  })
const denominators = Array.from({ length: 8 }, (_, degree) => inverseDenominators(degree))

/** Coefficients L_i(r) of interpolation through the nodes 0, 1, .., degree at r. */
export const lagrangeAt = (degree: number, r: K): K[] => {
  const inverse = denominators[degree] ?? inverseDenominators(degree)
  return inverse.map((scale, i) => {
    let out = scale
    for (let j = 0; j <= degree; j++) if (j !== i) out = kMul(out, kSub(r, kFrom(BigInt(j))))
    return out
  })
}
