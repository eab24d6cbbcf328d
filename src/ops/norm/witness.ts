import { type Execution, overflow, storeLimbs, storeRescaled, storeSigned } from '../../graph/execution.ts'
import type { NormNode } from './relation.ts'

/** floor(sqrt(v)) for 0 <= v < 2^57. */
export const integerSqrt = (v: bigint): number => {
  let s = BigInt(Math.floor(Math.sqrt(Number(v))))
  while (s * s > v) s--
  while ((s + 1n) * (s + 1n) <= v) s++
  return Number(s)
}

/** The centred row, M, sigma and R of one token. */
export const normRow = (row: Int32Array, kind: 'rms' | 'layer', constants: NormNode['constants']) => {
  const d = row.length
  let mu = 0
  let rho = 0
  let c = row
  if (kind === 'layer') {
    const sum = row.reduce((s, v) => s + v, 0)
    mu = Math.floor(sum / d)
    rho = sum - mu * d
    c = row.map(v => v - mu)
  }
  let square = 0
  for (let i = 0; i < d; i++) square += (c[i] as number) * (c[i] as number)
  const m = BigInt(square) + constants.e
  const scaled = m << BigInt(2 * constants.j)
  const sigma = integerSqrt(scaled)
  const inverse = constants.n / BigInt(sigma)
  return {
    mu,
    rho,
    c,
    m,
    sigma,
    under: Number(scaled - BigInt(sigma) * BigInt(sigma)),
    inverse,
    rest: Number(constants.n - inverse * BigInt(sigma)),
  }
}

/** c R g + b for one token, exact. */
export const normAccumulators = (
  c: Int32Array,
  inverse: number,
  gain: Int16Array,
  bias: Int16Array | undefined,
  biasUnit: number,
): Float64Array => {
  const acc = new Float64Array(c.length)
  for (let i = 0; i < c.length; i++) {
    acc[i] = (c[i] as number) * inverse * (gain[i] as number) + (bias ? (bias[i] as number) * biasUnit : 0)
  }
  return acc
}

export const normWitness = (x: Execution, node: NormNode, from: number, to: number): void => {
  const d = node.x.shape[1] ?? 1
  const input = x.wire(node.x)
  const gain = x.weight(node.gain.tensor)
  const bias = node.bias ? x.weight(node.bias.tensor) : undefined
  for (let t = from; t < to; t++) {
    const row = normRow(input.subarray(t * d, (t + 1) * d), node.kind, node.constants)
    if (node.mean) {
      storeSigned(x, node.mean.mu, t, row.mu)
      storeLimbs(x, node.mean.rho, t, row.rho)
      storeLimbs(x, node.mean.cap, t, d - 1 - row.rho)
      x.ints(node.mean.c).set(row.c, t * d)
    }
    x.wide(node.m)[t] = row.m
    if (row.sigma >= 2 ** node.sigmaLimbs.bits)
      throw overflow(`${node.name}.sigma`, row.sigma, node.sigmaLimbs.bits)
    if (row.inverse >= 1n << BigInt(node.rLimbs.bits)) {
      throw overflow(`${node.name}.inverse`, Number(row.inverse), node.rLimbs.bits)
    }
    x.ints(node.sigma)[t] = row.sigma
    storeLimbs(x, node.sigmaLimbs, t, row.sigma)
    storeLimbs(x, node.under, t, row.under)
    storeLimbs(x, node.over, t, 2 * row.sigma - row.under)
    x.wide(node.r)[t] = row.inverse
    storeLimbs(x, node.rLimbs, t, Number(row.inverse))
    storeLimbs(x, node.rest, t, row.rest)
    storeLimbs(x, node.restCap, t, row.sigma - 1 - row.rest)
    const acc = normAccumulators(row.c, Number(row.inverse), gain, bias, 2 ** node.constants.biasShift)
    storeRescaled(x, node.y, acc, 0, t * d, d)
  }
}
