/** The trainer's state: for each stage the full weights w = 2^lowBits hi + lo, and with momentum their velocities. */
import { InputError } from '../../errors.ts'
import { seeded } from '../../nn/random.ts'
import type { TrainingConfig } from '../config.ts'
import type { Network, Stage } from '../network.ts'

/** Integers as pairs 2^low hi + lo, hi signed 16 bits, lo signed `low` bits. */
export interface Split {
  readonly hi: Int16Array
  readonly lo: Int32Array
}

/** Weights [O, C, K] and biases [O] of one stage. */
export interface Parameters {
  readonly hi: Int16Array
  readonly lo: Int32Array
  readonly biasHi: Int16Array
  readonly biasLo: Int32Array
}

export interface StageState extends Parameters {
  /** Present with momentum: split at VELOCITY_LOW bits. */
  readonly velocity?: Parameters
}

export type State = readonly StageState[]

const noParameters = (stage: Stage): Parameters => {
  const length = stage.units * stage.inChannels * stage.taps
  return {
    hi: new Int16Array(length),
    lo: new Int32Array(length),
    biasHi: new Int16Array(stage.units),
    biasLo: new Int32Array(stage.units),
  }
}

/**
 * He's initialisation: uniform weights of variance 2 / fan-in (1 / fan-in for the last stage, which no ReLU follows),
 * rounded to the 16 bits of hi; biases and velocities 0. The same on every engine.
 * @param seed an integer
 * @throws InputError when a weight leaves 16 bits
 */
export const initialState = (network: Network, config: TrainingConfig, seed: number): State =>
  network.stages.map(stage => {
    const random = seeded(seed, stage.index)
    const variance = (stage.relu ? 2 : 1) / (stage.inChannels * stage.taps)
    const most = Math.sqrt(3 * variance) * 2 ** stage.weightScale
    if (most > 32767) {
      throw new InputError('weightScale', `initial weights of ${stage.name} within 16 bits`, `up to ${most}`)
    }
    const parameters = noParameters(stage)
    for (let i = 0; i < parameters.hi.length; i++)
      parameters.hi[i] = Math.floor(most * (2 * random() - 1) + 0.5)
    return config.optimizer.momentum > 0 ? { ...parameters, velocity: noParameters(stage) } : parameters
  })

/**
 * The pair of each integer.
 * @param name of the values, for the error
 * @throws InputError when hi leaves 16 bits
 */
export const split = (values: Float64Array, low: number, name: string): Split => {
  const hi = new Int16Array(values.length)
  const lo = new Int32Array(values.length)
  // Exact, as the unit is a power of two, and faster than a division.
  const [unit, half, inverse] = [2 ** low, 2 ** (low - 1), 2 ** -low]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const high = Math.floor((value + half) * inverse)
    if (high < -32768 || high > 32767)
      throw new InputError(
        name,
        `values of ${16 + low} bits; lower the learning rate or the scale`,
        `${value}`,
      )
    hi[i] = high
    lo[i] = value - high * unit
  }
  return { hi, lo }
}
