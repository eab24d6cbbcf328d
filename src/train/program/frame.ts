/** The committed tensors of one stage over a window, and their ranges. */
import { checkAccumulator, entry, type ProgramBuilder } from '../../graph/graph.ts'
import { InputError } from '../../errors.ts'
import {
  type Limbs,
  limbs,
  type Rescaled,
  rescaled,
  type Signed,
  signed,
} from '../../ops/rescale/relation.ts'
import type { AxisRef, Entry, PublicTensor, Tensor } from '../../program/program.ts'
import type { TrainingConfig } from '../config.ts'
import type { Stage } from '../network.ts'
import { type Coefficients, VELOCITY_LOW } from '../schedule.ts'
import { matrix, vector } from './publics.ts'
import type { StageState } from './state.ts'

/** The optimiser of a window as public tensors: one object each for all stages. */
export interface Optimiser {
  readonly steps: number
  /** [T, T]: gradient[t][s]. */
  readonly history: PublicTensor
  /** [v, T]: gradient[states[v]][s]. */
  readonly rows: (states: readonly number[]) => PublicTensor
  /** [T]: what decay has taken before step t, in units of 2^-decayBits; undefined without decay. */
  readonly lost: PublicTensor | undefined
  /** [T]; undefined without momentum. */
  readonly velocity: PublicTensor | undefined
  /** [T] */
  readonly velocityGradient: PublicTensor
}

export const optimiser = (config: TrainingConfig, stage: Stage, c: Coefficients): Optimiser => {
  const steps = c.velocityGradient.length
  const before = Array.from({ length: steps }, (_, t) => t)
  const rows = new Map<string, PublicTensor>()
  const unit = 2 ** (stage.lowBits - stage.decayBits)
  const { weightDecay, momentum } = config.optimizer
  return {
    steps,
    history: matrix('history', c.gradient.slice(0, steps)),
    rows: states => {
      const key = states.join()
      const found =
        rows.get(key) ??
        matrix(
          `history of ${key}`,
          states.map(v => c.gradient[v] ?? []),
        )
      rows.set(key, found)
      return found
    },
    lost:
      weightDecay > 0
        ? vector(
            'decay',
            before.map(t => (2 ** stage.lowBits - (c.decay[t] ?? 0)) / unit),
          )
        : undefined,
    velocity:
      momentum > 0
        ? vector(
            'velocity',
            before.map(t => c.velocity[t] ?? 0),
          )
        : undefined,
    velocityGradient: vector('velocity gradient', c.velocityGradient),
  }
}

/** What a stage reads: activations [T, B, C, Q], or gathered [T, B, P, C, K]. */
export interface StageInput {
  readonly tensor: Tensor
  readonly gather: PublicTensor | undefined
}

export interface HiddenTensors {
  readonly sign: Tensor
  readonly magnitude: Limbs
  readonly a: Tensor
  /** The gradient of a, rescaled by the next stage's backShift. */
  readonly g: Rescaled
  readonly gz: Tensor
}

/** Shapes [T, B, O, P] unless said otherwise. */
export interface StageFrame {
  readonly stage: Stage
  readonly config: TrainingConfig
  /** T */
  readonly steps: number
  readonly coefficients: Coefficients
  readonly optimiser: Optimiser
  /** The state before each step 0 .. T; the absent ones are sums, never committed. */
  readonly states: readonly (StageState | undefined)[]
  readonly input: StageInput
  readonly remainder: Limbs | undefined
  readonly hidden: HiddenTensors | undefined
  /** The logits of the last stage. */
  readonly z: Signed | undefined
  /** The gradient of z, its axes named. */
  readonly gradient: (axes: readonly AxisRef[]) => Entry[]
}

/** What the forward pass of a stage reads and gives; inference has only this, with the rounded weights. */
export type ForwardFrame = Pick<StageFrame, 'stage' | 'config' | 'input' | 'remainder' | 'z' | 'states'> & {
  readonly steps: number
  /** Whether hi alone is the weights (the stage's shift is then lowBits less). */
  readonly rounded?: boolean
  readonly hidden: Pick<HiddenTensors, 'sign' | 'magnitude' | 'a'> | undefined
  readonly optimiser?: Optimiser
  readonly gradient?: StageFrame['gradient']
}

/** Whether the weights before steps 1 .. T - 1 are sums in the relations instead of committed. */
export const isUnrolled = (states: readonly unknown[]): boolean =>
  states.length > 2 && states[1] === undefined

/** Bounds of a stage's values over a window (spec/training.md, section 6). */
export interface Bounds {
  readonly update: number
  readonly forward: number
  readonly backward: number
}

/** @param gradient |gz| <= gradient */
export const boundsOf = (
  config: TrainingConfig,
  stage: Stage,
  c: Coefficients,
  gradient: number,
  unrolled: boolean,
): Bounds => {
  const steps = c.velocityGradient.length
  const rows = config.batch * stage.positions
  const stored = 2 ** (15 + stage.lowBits) + 2 ** (stage.lowBits - 1)
  const history = Math.max(...c.gradient.map(row => row.reduce((s, m) => s + m, 0)))
  const kept = Math.max(...c.decay.map(Math.abs)) * 2 ** 15 + 2 ** (stage.lowBits - 1)
  const moved = kept + Math.max(...c.velocity) * 2 ** 15
  const update = moved + history * rows * gradient * Math.max(stage.inputBound, 2 ** stage.inputScale)
  const velocityGradient = c.velocityGradient.reduce((s, m) => s + m, 0)
  const velocity =
    2 ** (16 + VELOCITY_LOW) +
    velocityGradient * rows * gradient * Math.max(stage.inputBound, 2 ** stage.inputScale)
  const weight = unrolled ? moved + history * rows * gradient * stage.inputBound : stored
  const bias = unrolled ? moved + history * rows * gradient * 2 ** stage.inputScale : stored
  const fan = stage.inChannels * stage.taps
  return {
    update: config.optimizer.momentum > 0 ? Math.max(update, velocity) : update,
    forward: fan * stage.inputBound * weight + 2 ** stage.inputScale * bias + 2 ** stage.shift,
    // A pixel is read through each tap at most once.
    backward: stage.units * (stage.gather ? stage.taps : 1) * gradient * weight + 2 ** stage.backShift,
  }
}

/** Bits to which the identity of a rescaled value must stay below p. */
const UNIQUE_BITS = 62

/**
 * Declares a stage's tensors.
 * @param next the stage behind it, whose backward pass gives this one's gradient
 * @param backward bound of that pass's accumulator
 */
export const stageTensors = (
  b: ProgramBuilder,
  config: TrainingConfig,
  stage: Stage,
  steps: number,
  next: Stage | undefined,
  backward: number,
): Pick<StageFrame, 'remainder' | 'hidden' | 'z'> => {
  const { name, shift } = stage
  const { activationBits, gradientBits } = config.precision
  const shape = [steps, config.batch, stage.units, stage.positions]
  if (shift + activationBits + 1 > UNIQUE_BITS) {
    throw new InputError(name, `a shift of at most ${UNIQUE_BITS - 1 - activationBits} bits`, `${shift}`)
  }
  const remainder = shift > 0 ? limbs(b, `${name}.r`, shape, shift) : undefined
  if (!next) return { remainder, hidden: undefined, z: signed(b, `${name}.z`, shape, activationBits + 1) }
  const magnitude = limbs(b, `${name}.magnitude`, shape, activationBits)
  const sign = b.tensor(`${name}.sign`, shape)
  const a = b.tensor(`${name}.a`, shape)
  const g = rescaled(b, {
    name: `${name}.g`,
    group: '',
    shape,
    shift: next.backShift,
    bits: gradientBits,
    scale: stage.gradientScale,
    bound: backward,
  })
  return { remainder, z: undefined, hidden: { sign, magnitude, a, g, gz: b.tensor(`${name}.gz`, shape) } }
}

export const hiddenGradient =
  (gz: Tensor): StageFrame['gradient'] =>
  axes => [entry(gz, axes)]

/** @throws InputError naming the stage whose identities could wrap around */
export const checkBounds = (stage: Stage, { forward, update }: Bounds): void => {
  checkAccumulator(stage.name, forward)
  checkAccumulator(`${stage.name}: update`, update)
}
