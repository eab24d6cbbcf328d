/** Integers beyond 53 bits, as pairs of doubles: exact products and rescaling. */
import type { Backend, Operand } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'

/** Values low + 2^WIDE high; high is absent where low holds them all. */
export interface Wide {
  readonly low: Float64Array
  readonly high: Float64Array | undefined
}

const WIDE = 20
const UNIT = 2 ** WIDE
/** Sums up to here leave room for a bias and the rounding. */
const EXACT = 2 ** 52

const magnitude = (x: Int32Array | Float64Array): number => {
  let most = 0
  for (let i = 0; i < x.length; i++) {
    const value = Math.abs(x[i] as number)
    if (value > most) most = value
  }
  return most
}

/**
 * sum_t y(i, t) x(j, t) as `backend.exactProduct`, for any sum whose halves are exact: y is cut into halves when it
 * must be. `terms` of the results may then be added without loss.
 * @throws InputError when even the halves' sums could leave 52 bits
 */
export const wideProduct = (
  backend: Backend,
  y: Operand,
  x: Operand,
  shape: { readonly m: number; readonly n: number; readonly k: number; readonly terms?: number },
  name: string,
): Wide => {
  const { m, n, k, terms = 1 } = shape
  const [most, ofX] = [magnitude(y.data), magnitude(x.data) * k * terms]
  if (most * ofX <= EXACT) return { low: backend.exactProduct(y, x, m, n, k), high: undefined }
  const limit = Math.max(UNIT / 2, most / UNIT + 1)
  if (limit * ofX > EXACT)
    throw new InputError(name, 'products of 72 bits', `2^${Math.log2(most * ofX).toFixed(1)}`)
  const low = new Float64Array(y.data.length)
  const high = new Float64Array(y.data.length)
  for (let i = 0; i < low.length; i++) {
    const value = y.data[i] as number
    high[i] = Math.floor((value + UNIT / 2) / UNIT)
    low[i] = value - (high[i] as number) * UNIT
  }
  const half = (data: Float64Array): Float64Array => backend.exactProduct({ ...y, data }, x, m, n, k)
  return { low: half(low), high: half(high) }
}

export const mapWide = (wide: Wide, map: (x: Float64Array) => Float64Array): Wide => ({
  low: map(wide.low),
  high: wide.high && map(wide.high),
})

/** An integer as value 2^shift + remainder, 0 <= remainder < 2^shift. */
export interface Rescaled {
  value: number
  remainder: number
}

/**
 * floor((acc[i] + add + 2^(shift - 1)) / 2^shift) and what is left.
 * @param add an integer below 2^51 in magnitude
 * @param shift 1 .. 52
 */
export const rescale = (acc: Wide, i: number, add: number, shift: number, out: Rescaled): void => {
  const low = (acc.low[i] as number) + add + 2 ** (shift - 1)
  const unit = 2 ** shift
  if (!acc.high) {
    out.value = Math.floor(low / unit)
    out.remainder = low - out.value * unit
    return
  }
  const carry = Math.floor(low / UNIT)
  const rest = low - carry * UNIT
  const high = (acc.high[i] as number) + carry
  if (shift >= WIDE) {
    out.value = Math.floor(high / (unit / UNIT))
    out.remainder = (high - out.value * (unit / UNIT)) * UNIT + rest
  } else {
    const upper = Math.floor(rest / unit)
    out.value = high * (UNIT / unit) + upper
    out.remainder = rest - upper * unit
  }
}
