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
export const EXACT = 2 ** 52

/** Rows m of y, rows n of x, and the terms k of each sum. */
export interface ProductShape {
  readonly m: number
  readonly n: number
  readonly k: number
}

const magnitude = (x: Int32Array | Float64Array): number => {
  let most = 0
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number
    if (value > most) most = value
    else if (-value > most) most = -value
  }
  return most
}

/** A bound on the sums of |y(i, t) x(j, t)|. */
export const productBound = (backend: Backend, y: Operand, x: Operand, { m, k }: ProductShape): number =>
  backend.rowNorm(y, m, k) * magnitude(x.data)

/**
 * sum_t y(i, t) x(j, t), [m, n]; y is cut into halves where the sums could leave 53 bits.
 * @param terms so many of the results may be added without loss
 * @throws InputError when even the halves' sums could leave them
 */
export const wideProduct = (
  backend: Backend,
  y: Operand,
  x: Operand,
  shape: ProductShape,
  terms: number,
  name: string,
): Wide => {
  const { m, n, k } = shape
  const product = (data: Operand['data']): Float64Array => {
    const out = new Float64Array(m * n)
    backend.addProduct(out, { ...y, data }, x, m, n, k)
    return out
  }
  const bound = productBound(backend, y, x, shape) * terms
  if (bound <= EXACT) return { low: product(y.data), high: undefined }
  const low = new Float64Array(y.data.length)
  const high = new Float64Array(y.data.length)
  for (let i = 0; i < low.length; i++) {
    const value = y.data[i] as number
    const upper = Math.floor((value + UNIT / 2) / UNIT)
    high[i] = upper
    low[i] = value - upper * UNIT
  }
  const ofX = k * terms * magnitude(x.data)
  if (Math.max(bound / UNIT + ofX, (ofX * UNIT) / 2) > EXACT)
    throw new InputError(name, 'sums of 72 bits', `up to 2^${Math.log2(bound).toFixed(1)}`)
  return { low: product(low), high: product(high) }
}

export const mapWide = (wide: Wide, map: (x: Float64Array) => Float64Array): Wide => ({
  low: map(wide.low),
  high: wide.high && map(wide.high),
})

/** Integers as value 2^shift + remainder, 0 <= remainder < 2^shift. */
export interface Rescaled {
  readonly value: Float64Array
  readonly remainder: Float64Array
}

/**
 * floor((acc + add + 2^(shift - 1)) / 2^shift) and what is left.
 * @param adds an integer of at most 53 significant bits, below 2^72, for each row of acc; none is 0
 * @param shift 1 .. 52
 */
export const rescale = (acc: Wide, adds: Float64Array | undefined, shift: number): Rescaled => {
  const { low } = acc
  const far = adds?.some(add => Math.abs(add) > EXACT / 2) ?? false
  const high = acc.high ?? (far ? new Float64Array(low.length) : undefined)
  const value = new Float64Array(low.length)
  const remainder = new Float64Array(low.length)
  const rows = adds?.length ?? 1
  const columns = low.length / rows
  const unit = 2 ** shift
  for (let row = 0; row < rows; row++) {
    const addHigh = high ? Math.floor((adds?.[row] ?? 0) / UNIT) : 0
    const add = (adds?.[row] ?? 0) - addHigh * UNIT + unit / 2
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      const sum = (low[i] as number) + add
      if (!high) {
        const z = Math.floor(sum / unit)
        value[i] = z
        remainder[i] = sum - z * unit
        continue
      }
      const carry = Math.floor(sum / UNIT)
      const rest = sum - carry * UNIT
      const upper = (high[i] as number) + addHigh + carry
      if (shift >= WIDE) {
        const z = Math.floor(upper / (unit / UNIT))
        value[i] = z
        remainder[i] = (upper - z * (unit / UNIT)) * UNIT + rest
      } else {
        const fraction = Math.floor(rest / unit)
        value[i] = upper * (UNIT / unit) + fraction
        remainder[i] = rest - fraction * unit
      }
    }
  }
  return { value, remainder }
}
