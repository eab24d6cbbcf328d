import { polynomial } from './exact.ts'
import { exp } from './exponential.ts'

const TWO_OVER_SQRT_PI = 1.1283791670955126
const ONE_OVER_SQRT_PI = 0.5641895835477563
/** 2^n / (2n + 1)!!: the terms of the series below. */
const SERIES = new Float64Array(43)
SERIES[0] = 1
for (let n = 1; n < SERIES.length; n++) SERIES[n] = ((SERIES[n - 1] as number) * 2) / (2 * n + 1)

/**
 * The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.
 *
 * Below 2.75: erf(x) = 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!, all terms of one sign (Abramowitz and Stegun
 * 7.1.6). Above: one minus the continued fraction of erfc (7.1.14), which has to be good to 2^-57 absolutely.
 */
export function erf(x: number): number {
  if (x < 0) return -erf(-x)
  const square = x * x
  if (x < 2.75) {
    // What is cut off is below 2^-57 of the sum: 41 terms are needed at 2.75, 18 at 1, 6 at 0.1.
    const degree = Math.floor(8 + 12.5 * x)
    return TWO_OVER_SQRT_PI * x * exp(-square) * polynomial(SERIES, square, degree)
  }
  if (x >= 6) return 1
  // Levels for an error below 2^-57: 24 are needed at 2.75, 13 at 3.5, 1 at 5.5.
  let denominator = x
  for (let n = Math.floor(200 / square); n >= 1; n--) denominator = x + n / 2 / denominator
  return 1 - (ONE_OVER_SQRT_PI * exp(-square)) / denominator
}
