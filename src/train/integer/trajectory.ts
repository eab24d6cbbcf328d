/** One array of weights through a window: W_0 .. W_T as exact combinations of the state and the gradients. */
import { InputError } from '../../errors.ts'
import type { TrainingConfig } from '../config.ts'
import type { Stage } from '../network.ts'
import { type Coefficients, coefficients, VELOCITY_LOW } from '../schedule.ts'
import { type Parameters, type Split, type StageState, split } from './state.ts'

const EXACT = 2 ** 53

/** y += c x, of integers. @throws InputError where a sum is no exact double */
const accumulate = (y: Float64Array, c: number, x: ArrayLike<number>, name: string): void => {
  if (c === 0) return
  for (let i = 0; i < y.length; i++) {
    const sum = (y[i] as number) + c * (x[i] as number)
    if (!(sum < EXACT && sum > -EXACT)) throw new InputError(name, 'a sum of 53 bits', `${sum}`)
    y[i] = sum
  }
}

/** out += factor G, exactly; `factor` G is below 2^52. */
export type AddGradient = (out: Float64Array, factor: number) => void

class Trajectory {
  readonly #c: Coefficients
  readonly #lowBits: number
  readonly #start: Split
  readonly #velocity: Split | undefined
  readonly #name: string
  /** Whether W_{t+1} = W_t - gradient[t + 1][t] G_t: without momentum and decay no coefficient depends on t. */
  readonly #recursive: boolean
  readonly #gradients: Float64Array[] = []
  #current: Float64Array
  #step = 0

  constructor(
    c: Coefficients,
    stage: Stage,
    start: Split,
    velocity: Split | undefined,
    recursive: boolean,
    name: string,
  ) {
    this.#c = c
    this.#lowBits = stage.lowBits
    this.#start = start
    this.#velocity = velocity
    this.#recursive = recursive
    this.#name = name
    this.#current = this.#combine()
  }

  /** W_t. */
  get current(): Float64Array {
    return this.#current
  }

  /** Moves on to the next step; gradients are kept where momentum or decay need them. */
  push(add: AddGradient): void {
    const t = this.#step++
    if (this.#recursive) {
      add(this.#current, -(this.#c.gradient[t + 1]?.[t] as number))
      return
    }
    const gradient = new Float64Array(this.#current.length)
    add(gradient, 1)
    this.#gradients.push(gradient)
    this.#current = this.#combine()
  }

  split(): Split {
    return split(this.#current, this.#lowBits, this.#name)
  }

  /** V_T. */
  splitVelocity(): Split | undefined {
    if (!this.#velocity) return undefined
    const sum = new Float64Array(this.#velocity.lo)
    const name = `velocity of ${this.#name}`
    accumulate(sum, this.#c.velocityDecay, this.#velocity.hi, name)
    this.#gradients.forEach((g, s) => {
      accumulate(sum, this.#c.velocityGradient[s] as number, g, name)
    })
    return split(sum, VELOCITY_LOW, name)
  }

  #combine(): Float64Array {
    const t = this.#step
    const sum = new Float64Array(this.#start.lo)
    accumulate(sum, this.#c.decay[t] as number, this.#start.hi, this.#name)
    if (this.#velocity) accumulate(sum, -(this.#c.velocity[t] as number), this.#velocity.hi, this.#name)
    this.#gradients.forEach((g, s) => {
      accumulate(sum, -(this.#c.gradient[t]?.[s] as number), g, this.#name)
    })
    return sum
  }
}

/** The weights and biases of one stage through a window of `steps` steps from step `first` on. */
export class StageWeights {
  readonly weights: Trajectory
  readonly bias: Trajectory

  constructor(config: TrainingConfig, stage: Stage, state: StageState, first: number, steps: number) {
    const c = coefficients(config, stage, first, steps)
    const recursive = config.optimizer.momentum === 0 && config.optimizer.weightDecay === 0
    const v = config.optimizer.momentum > 0 ? state.velocity : undefined
    this.weights = new Trajectory(c, stage, state, v, recursive, `${stage.name} weights`)
    this.bias = new Trajectory(c, stage, biasOf(state), v && biasOf(v), recursive, `${stage.name} bias`)
  }

  /** W_t and the biases as pairs. */
  parameters(): Parameters {
    return joined(this.weights.split(), this.bias.split())
  }

  /** The state at the window's end. */
  state(): StageState {
    const [weights, bias] = [this.weights.splitVelocity(), this.bias.splitVelocity()]
    return weights && bias ? { ...this.parameters(), velocity: joined(weights, bias) } : this.parameters()
  }
}

const biasOf = (p: Parameters): Split => ({ hi: p.biasHi, lo: p.biasLo })
const joined = (weights: Split, bias: Split): Parameters => ({
  ...weights,
  biasHi: bias.hi,
  biasLo: bias.lo,
})
