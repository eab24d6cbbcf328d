import { polynomial, powerOfTwo, productError } from './exact.ts'

/** ln 2 = LN2_HIGH + LN2_LOW; the first has 32 bits, so that its products with exponents are exact. */
const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
const INVERSE_LN2 = 1 / (LN2_HIGH + LN2_LOW)
/** 1 / k! for k = 2 .. 14: the Taylor series of (exp(r) - 1 - r) / r^2, cut below 2^-56 for |r| <= ln(2) / 2. */
const EXP = Float64Array.from({ length: 13 }, (_, k) => 1 / factorial(k + 2))
/** 1 / (2k + 3): atanh(s) = s + s^3 (1/3 + s^2/5 + ..), cut below 2^-56 for |s| <= 0.174. */
const ATANH = Float64Array.from({ length: 11 }, (_, k) => 1 / (2 * k + 3))

/** e^x; 0 below -745.2, Infinity above 709.8. Results below 2^-1022 keep an absolute error of 2^-1074 only. */
export function exp(x: number): number {
  if (x > 709.782712893384) return Infinity
  if (x < -745.2) return 0
  const k = Math.floor(x * INVERSE_LN2 + 0.5)
  const r = x - k * LN2_HIGH - k * LN2_LOW
  const value = 1 + (r + r * r * polynomial(EXP, r))
  if (k > 1000) return value * powerOfTwo(1000) * powerOfTwo(k - 1000)
  if (k < -1000) return value * powerOfTwo(-1000) * powerOfTwo(k + 1000)
  return value * powerOfTwo(k)
}

/** The natural logarithm of x > 0, as a sum: ln(x) = high + low with |low| below half a unit in the last place. */
function lnParts(x: number): { high: number; low: number } {
  let m = x
  let k = 0
  if (m < 1e-300) {
    m *= powerOfTwo(100)
    k = -100
  }
  for (let step = 512; step >= 1; step /= 2) {
    if (m >= powerOfTwo(step)) {
      m *= powerOfTwo(-step)
      k += step
    } else if (m < powerOfTwo(1 - step)) {
      m *= powerOfTwo(step)
      k -= step
    }
  }
  if (m > 1.42) {
    m /= 2
    k += 1
  }
  const s = (m - 1) / (m + 1)
  const rest = 2 * (s + s * s * s * polynomial(ATANH, s * s)) + k * LN2_LOW
  const high = k * LN2_HIGH + rest
  return { high, low: k * LN2_HIGH - high + rest }
}

/** The natural logarithm; -Infinity at 0, NaN below. */
export function ln(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN
  if (x === Infinity) return x
  return lnParts(x).high
}

/** base^exponent for base > 0 (NaN otherwise); the relative error grows as 1e-15 (1 + |exponent|). */
export function pow(base: number, exponent: number): number {
  if (!(base > 0) || base === Infinity) return NaN
  const { high, low } = lnParts(base)
  const product = high * exponent
  const rest = productError(high, exponent) + low * exponent
  return exp(product) * (1 + rest)
}

/** 1 / (1 + e^-x). */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x))
  const e = exp(x)
  return e / (1 + e)
}

/** The hyperbolic tangent: Lambert's continued fraction near 0, where the exponentials would cancel. */
export function tanh(x: number): number {
  if (x < 0) return -tanh(-x)
  if (!(x < 0.6)) return 1 - 2 / (exp(2 * x) + 1)
  const square = x * x
  let denominator = 15
  for (let odd = 13; odd >= 1; odd -= 2) denominator = odd + square / denominator
  return x / denominator
}

function factorial(k: number): number {
  return k < 2 ? 1 : k * factorial(k - 1)
}
