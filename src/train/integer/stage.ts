/** One stage on one batch: forward, gradient of its input, gradient of its weights. All exact. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import type { Stage } from '../network.ts'
import { transposed, Unfolding } from './gather.ts'
import { mapWide, type Rescaled, rescale, type Wide, wideProduct } from './wide.ts'

/** A bias times 2^inputScale stays below this, beside a sum of 52 bits. */
const BIAS_LIMIT = 2 ** 51

/** Weights [O, C, K] and biases [O] at one scale. */
export interface Weights {
  readonly weights: Float64Array
  readonly bias: Float64Array
}

/** Takes an entry [b, o, p] of a rescaled tensor. */
export type Store = (at: number, value: number, remainder: number) => void

export class StageKernels {
  readonly #backend: Backend
  readonly #stage: Stage
  readonly #unfolding: Unfolding | undefined

  constructor(backend: Backend, stage: Stage) {
    this.#backend = backend
    this.#stage = stage
    this.#unfolding = stage.gather && new Unfolding(stage, stage.gather)
  }

  /** Whether u differs from the stage's input. */
  get gathers(): boolean {
    return this.#unfolding !== undefined
  }

  /** u [B, P, C, K] of a [B, C, Q]; only of stages that gather. */
  gather(a: Int32Array, u: Int32Array): void {
    this.#unfolding?.apply(a, u)
  }

  /** z [B, O, P] = rescale(sum u W + 2^inputScale bias, shift), with its remainders. */
  forward(u: Int32Array, { weights, bias }: Weights, shift: number, batch: number, store: Store): void {
    const { units: m, inChannels, taps, positions, inputScale, name } = this.#stage
    const [n, k] = [batch * positions, inChannels * taps]
    const acc = wideProduct(
      this.#backend,
      { data: weights, transposed: false },
      { data: u, transposed: false },
      { m, n, k },
      `${name} pre-activation`,
    )
    const out: Rescaled = { value: 0, remainder: 0 }
    for (let o = 0; o < m; o++) {
      const add = (bias[o] as number) * 2 ** inputScale
      if (Math.abs(add) > BIAS_LIMIT)
        throw new InputError(`${name} bias`, '51 bits at the sum’s scale', `${add}`)
      for (let b = 0; b < batch; b++) {
        for (let p = 0; p < positions; p++) {
          rescale(acc, (o * batch + b) * positions + p, add, shift, out)
          store((b * m + o) * positions + p, out.value, out.remainder)
        }
      }
    }
  }

  /** g [B, C, Q] = rescale(sum over gather and units of gz W, backShift); gz as [O, B P]. */
  backward(gz: Int32Array, weights: Float64Array, batch: number, store: Store): void {
    const { units, inChannels, inPositions, taps, positions, backShift, name } = this.#stage
    const [m, n] = [inChannels * taps, batch * positions]
    const product = wideProduct(
      this.#backend,
      { data: weights, transposed: true },
      { data: gz, transposed: true },
      { m, n, k: units, terms: taps },
      `${name} gradient of the input`,
    )
    const acc = this.#ungather(product, batch)
    const out: Rescaled = { value: 0, remainder: 0 }
    for (let i = 0; i < batch * inChannels * inPositions; i++) {
      rescale(acc, i, 0, backShift, out)
      store(i, out.value, out.remainder)
    }
  }

  /** The batch's summed gradients of weights and biases; gz as [O, B P]. */
  gradient(gz: Int32Array, u: Int32Array, batch: number): Weights {
    const { units: m, inChannels, taps, positions, inputScale, name } = this.#stage
    const [n, k] = [inChannels * taps, batch * positions]
    const { low, high } = wideProduct(
      this.#backend,
      { data: gz, transposed: false },
      { data: u, transposed: true },
      { m, n, k },
      `${name} gradient of the weights`,
    )
    if (high) throw new InputError(`${name} gradient of the weights`, 'sums of 52 bits', 'a larger range')
    const bias = new Float64Array(m)
    for (let o = 0; o < m; o++) {
      let sum = 0
      for (let t = 0; t < k; t++) sum += gz[o * k + t] as number
      bias[o] = sum * 2 ** inputScale
    }
    return { weights: low, bias }
  }

  #ungather(du: Wide, batch: number): Wide {
    const { inChannels, inPositions } = this.#stage
    const unfolding = this.#unfolding
    return mapWide(du, half =>
      unfolding ? unfolding.adjoint(half, batch) : transposed(half, inChannels * inPositions, batch),
    )
  }
}

/** [O, B P] of a tensor [B, O, P]. */
export const byUnit = (x: Int32Array, units: number, positions: number): Int32Array => {
  const batch = x.length / (units * positions)
  const out = new Int32Array(x.length)
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < units; o++) {
      const from = (b * units + o) * positions
      out.set(x.subarray(from, from + positions), (o * batch + b) * positions)
    }
  }
  return out
}
