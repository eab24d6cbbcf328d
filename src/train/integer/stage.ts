/** One stage on one batch: forward, gradient of its input, gradient of its weights. All exact. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import type { Stage } from '../network.ts'
import { swapped, Unfolding } from './gather.ts'
import { EXACT, mapWide, productBound, type Rescaled, rescale, type Wide, wideProduct } from './wide.ts'

/** Weights [O, C, K] and biases [O] at one scale. */
export interface Weights {
  readonly weights: Float64Array
  readonly bias: Float64Array
}

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
  forward(u: Int32Array, { weights, bias }: Weights, shift: number, batch: number): Rescaled {
    const { units: m, inChannels, taps, positions, inputScale, name } = this.#stage
    const shape = { m, n: batch * positions, k: inChannels * taps }
    const [y, x] = [
      { data: weights, transposed: false },
      { data: u, transposed: false },
    ]
    const acc = wideProduct(this.#backend, y, x, shape, 1, `${name} pre-activation`)
    const adds = bias.map(value => value * 2 ** inputScale)
    const { value, remainder } = rescale(acc, adds, shift)
    const byExample = (rows: Float64Array): Float64Array => swapped(rows, m, batch, positions)
    return { value: byExample(value), remainder: byExample(remainder) }
  }

  /** g [B, C, Q] = rescale(sum over gather and units of gz W, backShift); gz as [O, B P]. */
  backward(gz: Int32Array, weights: Float64Array, batch: number): Rescaled {
    const { units, inChannels, taps, positions, backShift, name } = this.#stage
    const shape = { m: inChannels * taps, n: batch * positions, k: units }
    const [y, x] = [
      { data: weights, transposed: true },
      { data: gz, transposed: true },
    ]
    const product = wideProduct(this.#backend, y, x, shape, taps, `${name} gradient of the input`)
    return rescale(this.#ungather(product, batch), undefined, backShift)
  }

  /** out += factor G of the weights, G the batch's summed gradient; gz as [O, B P]. */
  addGradient(out: Float64Array, factor: number, gz: Int32Array, u: Int32Array, batch: number): void {
    const { units: m, inChannels, taps, positions, name } = this.#stage
    const shape = { m, n: inChannels * taps, k: batch * positions }
    const scaled = new Float64Array(gz)
    for (let i = 0; i < scaled.length; i++) scaled[i] = (scaled[i] as number) * factor
    const [y, x] = [
      { data: scaled, transposed: false },
      { data: u, transposed: true },
    ]
    const bound = productBound(this.#backend, y, x, shape)
    if (bound > EXACT) throw new InputError(`${name} weights`, 'updates of 52 bits', `up to ${bound}`)
    this.#backend.addProduct(out, y, x, m, shape.n, shape.k)
  }

  /** out += factor G of the biases. */
  addBiasGradient(out: Float64Array, factor: number, gz: Int32Array): void {
    const { units, inputScale, name } = this.#stage
    const columns = gz.length / units
    for (let o = 0; o < units; o++) {
      let sum = 0
      for (let i = o * columns; i < (o + 1) * columns; i++) sum += gz[i] as number
      const update = sum * 2 ** inputScale * factor
      if (Math.abs(update) > EXACT) throw new InputError(`${name} bias`, 'updates of 52 bits', `${update}`)
      out[o] = (out[o] as number) + update
    }
  }

  #ungather(du: Wide, batch: number): Wide {
    const { inChannels, inPositions } = this.#stage
    const unfolding = this.#unfolding
    return mapWide(du, half =>
      unfolding ? unfolding.adjoint(half, batch) : swapped(half, inChannels * inPositions, batch, 1),
    )
  }
}

/** [O, B, P] of a tensor [B, O, P]: one row a unit. */
export const byUnit = (x: Int32Array, units: number, positions: number): Int32Array =>
  swapped(x, x.length / (units * positions), units, positions)
