import { InputError } from '../errors.ts'
import { powerOfTwo } from './exact.ts'
import { erf, exp, sigmoid, tanh } from './math.ts'

export type TableKind = 'silu' | 'gelu' | 'gelu_new' | 'relu' | 'exp' | 'sigmoid' | 'tanh'

const SQRT_HALF = Math.sqrt(0.5)
const SQRT_TWO_OVER_PI = 0.7978845608028654

/** The real functions behind the tables. */
export const FUNCTIONS: { readonly [K in TableKind]: (x: number) => number } = {
  /** x sigmoid(x) */
  silu: x => x * sigmoid(x),
  /** x Phi(x), Phi the normal distribution */
  gelu: x => 0.5 * x * (1 + erf(x * SQRT_HALF)),
  /** 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3) */
  gelu_new: x => x * sigmoid(2 * SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x)),
  relu: x => Math.max(0, x),
  exp,
  sigmoid,
  tanh,
}

/**
 * An activation as an integer function: entry x + 2^(inputBits - 1) is f(x 2^-inputScaleLog2) 2^outputScaleLog2,
 * rounded half up, for x in [-2^(inputBits-1), 2^(inputBits-1)).
 * @param inputBits 1 .. 24
 * @param inputScaleLog2 -64 .. 64; the real input is x * 2^-inputScaleLog2
 * @param outputScaleLog2 -64 .. 64
 * @returns 2^inputBits entries
 * @throws InputError on parameters outside, or where an entry would leave 32 bits
 */
export function activationTable(
  kind: TableKind,
  inputBits: number,
  inputScaleLog2: number,
  outputScaleLog2: number,
): Int32Array {
  if (!Object.hasOwn(FUNCTIONS, kind))
    throw new InputError('kind', Object.keys(FUNCTIONS).join(', '), String(kind))
  checkInteger('inputBits', inputBits, 1, 24)
  checkInteger('inputScaleLog2', inputScaleLog2, -64, 64)
  checkInteger('outputScaleLog2', outputScaleLog2, -64, 64)
  const f = FUNCTIONS[kind]
  const unit = powerOfTwo(-inputScaleLog2)
  const scale = powerOfTwo(outputScaleLog2)
  const half = powerOfTwo(inputBits - 1)
  const table = new Int32Array(2 * half)
  for (let i = 0; i < table.length; i++) {
    const value = Math.floor(f((i - half) * unit) * scale + 0.5)
    if (!(value >= -2147483648 && value <= 2147483647))
      throw new InputError(
        'outputScaleLog2',
        `${kind} to stay within 32 bits`,
        `${value} for input ${i - half}`,
      )
    table[i] = value
  }
  return table
}

/**
 * One digit's table of a decaying exponential: T[t] = 2^outputScaleLog2 exp(-t unit), rounded half up, for t in
 * [0, 2^bits).
 * @param bits 1 .. 24
 * @param unit how much one step of t decays, >= 0 (for a digit of weight B at scale s: B 2^-s, and a temperature)
 * @param outputScaleLog2 0 .. 30
 * @throws InputError on parameters outside
 */
export function expTable(bits: number, unit: number, outputScaleLog2: number): Int32Array {
  checkInteger('bits', bits, 1, 24)
  checkInteger('outputScaleLog2', outputScaleLog2, 0, 30)
  if (!(unit >= 0 && unit < Infinity)) throw new InputError('unit', 'a finite number >= 0', String(unit))
  const scale = powerOfTwo(outputScaleLog2)
  const table = new Int32Array(powerOfTwo(bits))
  for (let t = 0; t < table.length; t++) table[t] = Math.floor(exp(-t * unit) * scale + 0.5)
  return table
}

function checkInteger(argument: string, value: number, low: number, high: number): void {
  if (!(Number.isInteger(value) && value >= low && value <= high))
    throw new InputError(argument, `an integer from ${low} to ${high}`, String(value))
}
