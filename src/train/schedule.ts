/**
 * The optimiser as public integers. Within a window of T steps that starts at step t0, the weights before its step t are
 * an exact integer combination of the committed state and of the gradients so far (spec/training.md, section 3):
 *
 *   W_t = decay[t] hi + lo - velocity[t] vhi - sum_{s < t} gradient[t][s] G_s          t = 0 .. T
 *   V_T = velocityDecay vhi + vlo + sum_{s < T} velocityGradient[s] G_s
 *
 * which unrolls v' = mu v + g, w' = w - lr (v' + lambda w): SGD with momentum and decoupled decay.
 */
import { InputError } from '../errors.ts'
import type { TrainingConfig } from './config.ts'
import type { Stage } from './network.ts'

/** Bits of a velocity below its 16, and fractional bits of its gradients' weights. It sums over the batch. */
export const VELOCITY_LOW = 22
export const VELOCITY_RATE = 8

export interface Coefficients {
  /** [T + 1], near 2^lowBits. */
  readonly decay: readonly number[]
  /** [T + 1]; zero without momentum. */
  readonly velocity: readonly number[]
  /** [T + 1][T], zero where s >= t. */
  readonly gradient: readonly (readonly number[])[]
  readonly velocityDecay: number
  /** [T] */
  readonly velocityGradient: readonly number[]
}

/** The learning rate of a step, from IEEE additions, multiplications and divisions alone. */
export const learningRate = (config: TrainingConfig, step: number): number => {
  const { initial, schedule } = config.learningRate
  if (schedule.kind === 'constant') return initial
  if (schedule.kind === 'linear') {
    return initial * (1 - (1 - schedule.last) * (Math.min(step, schedule.steps) / schedule.steps))
  }
  let rate = initial
  for (let i = Math.floor(step / schedule.every); i > 0 && rate > 0; i--) rate *= schedule.factor
  return rate
}

/** The learning rates of `steps` steps from `first` on, each equal to `learningRate`'s, in time that does not grow with `first`. */
const learningRates = (config: TrainingConfig, first: number, steps: number): number[] => {
  const { schedule } = config.learningRate
  if (schedule.kind !== 'step')
    return Array.from({ length: steps }, (_, k) => learningRate(config, first + k))
  let rate = learningRate(config, first)
  return Array.from({ length: steps }, (_, k) => {
    if (k > 0 && (first + k) % schedule.every === 0) rate *= schedule.factor
    return rate
  })
}

/** Those of one stage. */
export const coefficients = (
  config: TrainingConfig,
  stage: Stage,
  first: number,
  steps: number,
): Coefficients => stageCoefficients(config, [stage], first, steps)[0] as Coefficients

/**
 * Those of stages of one network, which share all but decay.
 * @param first the window's first step
 * @param steps T
 * @throws InputError when a learning rate rounds to nothing at this precision
 */
export const stageCoefficients = (
  config: TrainingConfig,
  stages: readonly Stage[],
  first: number,
  steps: number,
): Coefficients[] => {
  const { momentum, weightDecay } = config.optimizer
  const rates = learningRates(config, first, steps)
  const { rateScale, name } = stages[0] as Stage
  const unit = 2 ** rateScale / config.batch
  rates.forEach((rate, k) => {
    if (Math.floor(rate * unit + 0.5) < 1) {
      throw new InputError(
        'learningRate',
        `at least ${0.5 / unit} at this batch and precision (${name})`,
        `${rate} at step ${first + k}`,
      )
    }
  })
  // Real-valued weights of the velocity and of each gradient in w_t, by the recurrence itself.
  const gradient: number[][] = []
  const velocity: number[] = []
  const decays: number[][] = stages.map(() => [])
  let decayed = 0
  let ofVelocity = 0
  let power = 1
  const ofGradient = new Array<number>(steps).fill(0)
  const powers = new Array<number>(steps).fill(0)
  for (let t = 0; t <= steps; t++) {
    stages.forEach(({ lowBits, decayBits }, l) => {
      const lost = 2 ** (lowBits - decayBits) * Math.floor(decayed * 2 ** decayBits + 0.5)
      decays[l]?.push(2 ** lowBits - lost)
    })
    velocity.push(Math.floor(ofVelocity * unit * 2 ** (VELOCITY_LOW - VELOCITY_RATE) + 0.5))
    gradient.push(ofGradient.map(x => Math.floor(x * unit + 0.5)))
    const rate = rates[t]
    if (rate === undefined) break
    decayed += rate * weightDecay
    power *= momentum
    ofVelocity += rate * power
    for (let s = 0; s < t; s++) powers[s] = (powers[s] as number) * momentum
    powers[t] = 1
    for (let s = 0; s <= t; s++) ofGradient[s] = (ofGradient[s] as number) + rate * (powers[s] as number)
  }
  const velocityDecay = Math.floor(power * 2 ** VELOCITY_LOW + 0.5)
  const velocityGradient = powers.map(p => Math.floor(p * 2 ** VELOCITY_RATE + 0.5))
  return decays.map(decay => ({ decay, velocity, gradient, velocityDecay, velocityGradient }))
}
