/** Integer execution: the arrays behind tensors and wires, and exact rescaling. Rows are token positions. */
import type { Backend } from '../backend/backend.ts'
import { InputError, InternalError } from '../errors.ts'
import type { Limbs, Rescaled, Signed } from '../ops/rescale/relation.ts'
import type { Tensor } from '../program/program.ts'
import type { Wire } from './graph.ts'

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

export class Execution {
  readonly backend: Backend
  readonly #weights: (tensor: Tensor) => Int16Array
  // By tensor id and wire name: the same graph built again (for other tokens) finds the same arrays.
  readonly #ints = new Map<number, Int32Array>()
  readonly #wide = new Map<number, BigInt64Array>()
  readonly #sums = new Map<string, Int32Array>()

  constructor(backend: Backend, weights: (tensor: Tensor) => Int16Array) {
    this.backend = backend
    this.#weights = weights
  }

  /** Dense values, row-major, made on first use. */
  ints(tensor: Tensor): Int32Array {
    let found = this.#ints.get(tensor.id)
    if (!found) {
      found = new Int32Array(size(tensor.shape))
      this.#ints.set(tensor.id, found)
    }
    return found
  }

  /** Values beyond 32 bits. */
  wide(tensor: Tensor): BigInt64Array {
    let found = this.#wide.get(tensor.id)
    if (!found) {
      found = new BigInt64Array(size(tensor.shape))
      this.#wide.set(tensor.id, found)
    }
    return found
  }

  weight(tensor: Tensor): Int16Array {
    return this.#weights(tensor)
  }

  values(tensor: Tensor): Int16Array | Int32Array | BigInt64Array {
    if (tensor.commitment === 'weights') return this.#weights(tensor)
    return this.#wide.get(tensor.id) ?? this.ints(tensor)
  }

  /** Drops all values but those of sums. Behind a residual sum, a model reads nothing that lies before it. */
  forget(): void {
    this.#ints.clear()
    this.#wide.clear()
  }

  /** The values of a wire; a sum's own array is filled by its rows as they are computed. */
  wire(wire: Wire): Int32Array {
    const only = wire.terms[0]
    if (wire.terms.length === 1 && only && only.coef === 1n) return this.ints(only.tensor)
    let found = this.#sums.get(wire.name)
    if (!found) {
      found = new Int32Array(size(wire.shape))
      this.#sums.set(wire.name, found)
    }
    return found
  }
}

/** |x| below this is exact in a double. */
const EXACT = 2 ** 52

/** Reads 64-bit accumulators as doubles; every value must be exact. */
export const accumulators = (acc: BigInt64Array, node: string): Float64Array => {
  const words = new Int32Array(acc.buffer, acc.byteOffset, 2 * acc.length)
  const out = new Float64Array(acc.length)
  for (let i = 0; i < acc.length; i++) {
    const value = (words[2 * i + 1] as number) * 4294967296 + ((words[2 * i] as number) >>> 0)
    if (value > EXACT || value < -EXACT) throw new InternalError(`${node}: an accumulator leaves 2^52`)
    out[i] = value
  }
  return out
}

export const storeLimbs = (x: Execution, limbs: Limbs, index: number, value: number): void => {
  let rest = value
  for (const tensor of limbs.tensors) {
    const high = Math.floor(rest / 65536)
    x.ints(tensor)[index] = rest - high * 65536
    rest = high
  }
}

/** @throws InputError when the value leaves the node's range. */
export const storeSigned = (x: Execution, target: Signed, index: number, value: number): void => {
  const half = 2 ** (target.bits - 1)
  if (!(value >= -half && value < half)) throw overflow(target.tensor.name, value, target.bits)
  x.ints(target.tensor)[index] = value
  if (target.high) x.ints(target.high)[index] = Math.floor((value + half) / 65536)
}

export const overflow = (node: string, value: number, bits: number): InputError =>
  new InputError(node, `a value of ${bits} bits; calibrate on text like this`, `${value}`)

/** Rescales acc[from .. from + count] into entries at .. at + count of the output. */
export const storeRescaled = (x: Execution, r: Rescaled, acc: Float64Array, from: number, at: number, count: number): void => {
  const y = x.ints(r.y.tensor)
  const high = r.y.high ? x.ints(r.y.high) : undefined
  const half = 2 ** (r.y.bits - 1)
  const unit = 2 ** r.shift
  const bias = r.shift > 0 ? unit / 2 : 0
  const r0 = r.remainder?.tensors[0] ? x.ints(r.remainder.tensors[0]) : undefined
  const r1 = r.remainder?.tensors[1] ? x.ints(r.remainder.tensors[1]) : undefined
  const r2 = r.remainder?.tensors[2] ? x.ints(r.remainder.tensors[2]) : undefined
  for (let i = 0; i < count; i++) {
    const shifted = (acc[from + i] as number) + bias
    const value = Math.floor(shifted / unit)
    if (!(value >= -half && value < half)) throw overflow(r.y.tensor.name, value, r.y.bits)
    y[at + i] = value
    if (high) high[at + i] = Math.floor((value + half) / 65536)
    if (!r0) continue
    const rest = shifted - value * unit
    if (!r1) {
      r0[at + i] = rest
      continue
    }
    const upper = Math.floor(rest / 65536)
    r0[at + i] = rest - upper * 65536
    if (!r2) r1[at + i] = upper
    else {
      r2[at + i] = Math.floor(upper / 65536)
      r1[at + i] = upper - (r2[at + i] as number) * 65536
    }
  }
}
