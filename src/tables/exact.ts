/** 2^k for k = -1074 .. 1023, at index k + 1074. */
const POWERS = new Float64Array(2098)
POWERS[1074] = 1
for (let k = 1; k <= 1023; k++) POWERS[1074 + k] = (POWERS[1073 + k] as number) * 2
for (let k = 1; k <= 1074; k++) POWERS[1074 - k] = (POWERS[1075 - k] as number) / 2

/** 2^k, exactly, for integers -1074 <= k <= 1023. */
export function powerOfTwo(k: number): number {
  return POWERS[k + 1074] as number
}

/** The error of the rounded product: a * b = fl(a * b) + productError(a, b) exactly, for |a|, |b| < 2^480 (Dekker). */
export function productError(a: number, b: number): number {
  const splitA = 134217729 * a
  const highA = splitA - (splitA - a)
  const lowA = a - highA
  const splitB = 134217729 * b
  const highB = splitB - (splitB - b)
  const lowB = b - highB
  return lowA * lowB - (a * b - highA * highB - lowA * highB - highA * lowB)
}

/** c[0] + c[1] x + c[2] x^2 + .. up to c[degree], by Horner's rule. */
export function polynomial(c: Float64Array, x: number, degree: number = c.length - 1): number {
  let sum = c[degree] as number
  for (let k = degree - 1; k >= 0; k--) sum = sum * x + (c[k] as number)
  return sum
}
