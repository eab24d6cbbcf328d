/**
 * RMSNorm and LayerNorm, every step pinned (spec/operators.md):
 *   N1 (layer only) mean: d mu + rho = sum_i x_i, 0 <= rho < d; c = x - mu
 *   N2 M = sum_i c_i^2 + E
 *   N3 sigma = floor(sqrt(4^j M)): e1 = 4^j M - sigma^2 >= 0 and 2 sigma - e1 >= 0
 *   N4 R = floor(N / sigma): N = R sigma + rho, 0 <= rho < sigma
 *   N5 y = rescale(c R g + b)
 * so that c R / 2^(outer scale) is c / rms(c). Bounds: sigma < 2^28 and R < 2^34, hence no wrap-around.
 */
import type { Factor, Tensor } from '../../program/program.ts'
import {
  checkAccumulator,
  entries,
  entry,
  type ProgramBuilder,
  type Weight,
  WEIGHT_BOUND,
  type Wire,
} from '../../graph/graph.ts'
import {
  checkShift,
  type Limbs,
  limbEntries,
  limbs,
  type Rescaled,
  rescaled,
  rescaleRelation,
  type Signed,
  signed,
} from '../rescale/relation.ts'

export interface NormSpec {
  readonly name: string
  readonly group: string
  readonly kind: 'rms' | 'layer'
  /** [tokens, d] */
  readonly x: Wire
  readonly gain: Weight
  readonly bias?: Weight
  readonly eps: number
  readonly scale: number
  readonly bits: number
}

export interface NormNode extends NormSpec {
  readonly op: 'norm'
  readonly constants: NormConstants
  readonly mean:
    | { readonly mu: Signed; readonly rho: Limbs; readonly cap: Limbs; readonly c: Tensor }
    | undefined
  readonly m: Tensor
  readonly sigma: Tensor
  readonly sigmaLimbs: Limbs
  readonly under: Limbs
  readonly over: Limbs
  readonly r: Tensor
  readonly rLimbs: Limbs
  readonly rest: Limbs
  readonly restCap: Limbs
  readonly y: Rescaled
  readonly out: Wire
}

export interface NormConstants {
  /** 4^j scales M before the root. */
  readonly j: number
  /** Epsilon in units of M. */
  readonly e: bigint
  /** log2 of the units per 1.0 of c R. */
  readonly precision: number
  /** N = round(sqrt(d) 2^(j + precision)). */
  readonly n: bigint
  readonly shift: number
  readonly biasShift: number
}

const SIGMA_BITS = 28
const R_BITS = 34
/** The remainder of N5 has two limbs, and all their bits serve the precision of c R. */
const REST_BITS = 32
const MIN_PRECISION = 16
/** |c R g| <= sqrt(d) 2^(precision + 15) must stay exact in a double. */
const EXACT_BITS = 51

/**
 * The largest sum_i c_i^2. With an exact mean it is at most sum_i x_i^2; rounding the mean down by f < 1 adds d f^2.
 */
const largestSquare = (x: Wire): number => (x.shape[1] ?? 1) * (x.bound ** 2 + 1)

/** j such that sigma < 2^28 for the largest M. */
export const normConstants = (
  spec: Pick<NormSpec, 'x' | 'gain' | 'eps' | 'scale' | 'bias' | 'kind'>,
): NormConstants => {
  const d = spec.x.shape[1] ?? 1
  const largest = largestSquare(spec.x)
  const j = Math.max(0, Math.min(8, Math.floor((2 * SIGMA_BITS - 1 - Math.log2(largest)) / 2)))
  const e = BigInt(Math.max(1, Math.round(spec.eps * d * 2 ** (2 * spec.x.scale))))
  const exact = EXACT_BITS - 15 - Math.ceil(Math.log2(d) / 2)
  const precision = Math.max(MIN_PRECISION, Math.min(exact, REST_BITS + spec.scale - spec.gain.scale))
  // sqrt is exact to the last bit on every engine, and a product with a power of two is exact.
  const n = BigInt(Math.round(Math.sqrt(d) * 2 ** (j + precision)))
  const inner = precision + spec.gain.scale
  return { j, e, precision, n, shift: inner - spec.scale, biasShift: inner - (spec.bias?.scale ?? 0) }
}

const tensor = (t: Tensor, axes: readonly string[]): Factor => ({ kind: 'tensor', entries: [entry(t, axes)] })

export const norm = (b: ProgramBuilder, spec: NormSpec): NormNode => {
  const { name, group, x } = spec
  const [tokens, d] = x.shape as [number, number]
  const constants = normConstants(spec)
  const sizes = { tok: tokens, d }
  const tok = ['tok']
  checkShift(name, constants.biasShift)
  checkAccumulator(name, (largestSquare(x) + Number(constants.e)) * 4 ** constants.j)
  let centred: Factor = { kind: 'tensor', entries: entries(x, ['tok', 'd']) }
  let mean: NormNode['mean']
  if (spec.kind === 'layer') {
    const bits = Math.ceil(Math.log2(x.bound)) + 1
    const mu = signed(b, `${name}.mean`, [tokens], bits)
    const width = Math.ceil(Math.log2(d))
    const rho = limbs(b, `${name}.mean.rho`, [tokens], width)
    const cap = limbs(b, `${name}.mean.cap`, [tokens], width)
    const c = b.tensor(`${name}.centred`, [tokens, d])
    mean = { mu, rho, cap, c }
    b.relate({
      name: `${name}:N1 mean`,
      group: `${group}:N1 mean`,
      sizes,
      out: tok,
      linear: [...entries(x, ['tok', 'd']), entry(mu.tensor, tok, -BigInt(d)), ...limbEntries(rho, tok, -1n)],
    })
    b.relate({
      name: `${name}:N1 remainder`,
      group: `${group}:N1 remainder`,
      sizes,
      out: tok,
      linear: [...limbEntries(rho, tok), ...limbEntries(cap, tok)],
      constants: [{ value: -BigInt(d - 1), pins: {} }],
    })
    b.relate({
      name: `${name}:N1 centre`,
      group: `${group}:N1 centre`,
      sizes,
      out: ['tok', 'd'],
      linear: [...entries(x, ['tok', 'd']), entry(mu.tensor, tok, -1n), entry(c, ['tok', 'd'], -1n)],
    })
    centred = tensor(c, ['tok', 'd'])
  }
  const m = b.tensor(`${name}.square`, [tokens])
  b.relate({
    name: `${name}:N2 square`,
    group: `${group}:N2 square`,
    sizes,
    out: tok,
    linear: [entry(m, tok, -1n)],
    constants: [{ value: constants.e, pins: {} }],
    products: [{ coef: 1n, factors: [centred, centred] }],
  })
  const sigma = b.tensor(`${name}.sigma`, [tokens])
  const sigmaLimbs = limbs(b, `${name}.sigma`, [tokens], SIGMA_BITS)
  const under = limbs(b, `${name}.under`, [tokens], SIGMA_BITS + 2)
  const over = limbs(b, `${name}.over`, [tokens], SIGMA_BITS + 2)
  b.relate({
    name: `${name}:N3 sigma`,
    group: `${group}:N3 sigma`,
    sizes,
    out: tok,
    linear: [entry(sigma, tok, -1n), ...limbEntries(sigmaLimbs, tok)],
  })
  b.relate({
    name: `${name}:N3 root`,
    group: `${group}:N3 root`,
    sizes,
    out: tok,
    linear: [entry(m, tok, 1n << BigInt(2 * constants.j)), ...limbEntries(under, tok, -1n)],
    products: [{ coef: -1n, factors: [tensor(sigma, tok), tensor(sigma, tok)] }],
  })
  b.relate({
    name: `${name}:N3 next`,
    group: `${group}:N3 next`,
    sizes,
    out: tok,
    linear: [entry(sigma, tok, 2n), ...limbEntries(under, tok, -1n), ...limbEntries(over, tok, -1n)],
  })
  const r = b.tensor(`${name}.inverse`, [tokens])
  const rLimbs = limbs(b, `${name}.inverse`, [tokens], R_BITS)
  const rest = limbs(b, `${name}.rest`, [tokens], SIGMA_BITS)
  const restCap = limbs(b, `${name}.rest.cap`, [tokens], SIGMA_BITS)
  b.relate({
    name: `${name}:N4 inverse`,
    group: `${group}:N4 inverse`,
    sizes,
    out: tok,
    linear: [entry(r, tok, -1n), ...limbEntries(rLimbs, tok)],
  })
  b.relate({
    name: `${name}:N4 quotient`,
    group: `${group}:N4 quotient`,
    sizes,
    out: tok,
    linear: limbEntries(rest, tok, -1n),
    constants: [{ value: constants.n, pins: {} }],
    products: [{ coef: -1n, factors: [tensor(r, tok), tensor(sigma, tok)] }],
  })
  b.relate({
    name: `${name}:N4 remainder`,
    group: `${group}:N4 remainder`,
    sizes,
    out: tok,
    linear: [entry(sigma, tok), ...limbEntries(rest, tok, -1n), ...limbEntries(restCap, tok, -1n)],
    constants: [{ value: -1n, pins: {} }],
  })
  // |c| <= sqrt(M) <= (sigma + 1) / 2^j, so |c R| <= 2 N / 2^j.
  const bound =
    2 * Number(constants.n >> BigInt(constants.j)) * WEIGHT_BOUND +
    (spec.bias ? WEIGHT_BOUND * 2 ** constants.biasShift : 0)
  const y = rescaled(b, { ...spec, shape: x.shape, shift: constants.shift, bound })
  rescaleRelation(
    b,
    { name: `${name}:N5 scale`, group: `${group}:N5 scale`, sizes, out: ['tok', 'd'], axes: ['tok', 'd'] },
    y,
    {
      linear: spec.bias ? [entry(spec.bias.tensor, ['d'], 1n << BigInt(constants.biasShift))] : [],
      products: [{ coef: 1n, factors: [centred, tensor(r, tok), tensor(spec.gain.tensor, ['d'])] }],
    },
  )
  return {
    ...spec,
    op: 'norm',
    constants,
    mean,
    m,
    sigma,
    sigmaLimbs,
    under,
    over,
    r,
    rLimbs,
    rest,
    restCap,
    y,
    out: y.out,
  }
}
