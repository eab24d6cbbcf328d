import { polynomial } from './exact.ts'

/** pi / 2 in four parts; the first three have 33 bits, so that their products with k < 2^20 are exact. */
const HALF_PI_1 = 1.5707963267341256
const HALF_PI_2 = 6.077100506303966e-11
const HALF_PI_3 = 2.0222662487111665e-21
const HALF_PI_4 = 8.4784276603689e-32
const INVERSE_HALF_PI = 0.6366197723675814
/** (sin(r) - r) / r^3 and (cos(r) - 1 + r^2/2) / r^4 as polynomials in r^2, cut below 2^-60 for |r| <= pi / 4. */
const SIN = alternating(3, -1)
const COS = alternating(4, 1)

/** The sine of x radians, |x| <= 2^20; NaN beyond. */
export function sin(x: number): number {
  return quarterTurns(x, 0)
}

/** The cosine of x radians, |x| <= 2^20; NaN beyond. */
export function cos(x: number): number {
  return quarterTurns(x, 1)
}

/**
 * sin(x + turns pi/2). With k the nearest integer to x / (pi/2), x - k pi/2 = high + low to about 100 bits
 * (Cody and Waite's reduction), so that values near zero keep their relative accuracy.
 */
function quarterTurns(x: number, turns: number): number {
  if (!(x <= 1048576 && x >= -1048576)) return NaN
  const k = Math.floor(x * INVERSE_HALF_PI + 0.5)
  const first = x - k * HALF_PI_1
  const part = k * HALF_PI_2
  const second = first - part
  const back = second - first
  const error = first - (second - back) - (part + back)
  const rest = error - k * HALF_PI_3 - k * HALF_PI_4
  const high = second + rest
  const low = second - high + rest
  const quadrant = k + turns - 4 * Math.floor((k + turns) / 4)
  const value = quadrant === 0 || quadrant === 2 ? sinNear(high, low) : cosNear(high, low)
  return quadrant < 2 ? value : -value
}

/** sin(r + low) for |r| <= pi/4 and tiny low. */
function sinNear(r: number, low: number): number {
  const square = r * r
  return r + (square * r * polynomial(SIN, square) + low * (1 - square / 2))
}

/** cos(r + low) for |r| <= pi/4 and tiny low. */
function cosNear(r: number, low: number): number {
  const square = r * r
  return 1 - (square / 2 - (square * square * polynomial(COS, square) - r * low))
}

/** sign / first!, -sign / (first + 2)!, ..: eight terms. */
function alternating(first: number, sign: number): Float64Array {
  const terms = new Float64Array(8)
  let factorial = 1
  for (let k = 2; k <= first + 14; k++) {
    factorial *= k
    const i = (k - first) / 2
    if (i >= 0 && Number.isInteger(i)) terms[i] = (i % 2 === 0 ? sign : -sign) / factorial
  }
  return terms
}
