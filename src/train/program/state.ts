/** The committed tensors of a state and of a data set, in their one canonical order. */
import type { ProgramBuilder } from '../../graph/graph.ts'
import { signedTensor } from '../../ops/rescale/relation.ts'
import { BLIND_ENTRIES, BLIND_NAME } from '../../proof/commitment.ts'
import type { StoredName, Tensor } from '../../program/program.ts'
import type { TrainingConfig } from '../config.ts'
import type { Network, Stage } from '../network.ts'
import { VELOCITY_LOW } from '../schedule.ts'

/** x = 2^lowBits hi + lo. */
export interface Split {
  readonly hi: Tensor
  readonly lo: Tensor
  readonly lowBits: number
}

/** Weights [O, C, K] and biases [O] of a stage, and their velocities under momentum. */
export interface StageState {
  readonly weight: Split
  readonly bias: Split
  readonly weightVelocity: Split | undefined
  readonly biasVelocity: Split | undefined
}

type Add = (name: string, shape: readonly number[]) => Tensor

const split = (add: Add, name: string, shape: readonly number[], lowBits: number): Split => ({
  hi: add(name, shape),
  lo: add(`${name}.lo`, shape),
  lowBits,
})

const stageState = (add: Add, stage: Stage, momentum: boolean): StageState => {
  const { name, lowBits } = stage
  const shape = [stage.units, stage.inChannels, stage.taps]
  return {
    weight: split(add, name, shape, lowBits),
    bias: split(add, `${name}.bias`, [stage.units], lowBits),
    weightVelocity: momentum ? split(add, `${name}.velocity`, shape, VELOCITY_LOW) : undefined,
    biasVelocity: momentum ? split(add, `${name}.bias.velocity`, [stage.units], VELOCITY_LOW) : undefined,
  }
}

const states = (add: Add, config: TrainingConfig, network: Network): StageState[] =>
  network.stages.map(stage => stageState(add, stage, config.optimizer.momentum > 0))

/** A state of its own commitment. */
export const storedState = (
  b: ProgramBuilder,
  commitment: StoredName,
  config: TrainingConfig,
  network: Network,
): StageState[] => {
  b.stored(commitment, BLIND_NAME, [BLIND_ENTRIES])
  return states((name, shape) => b.stored(commitment, name, shape), config, network)
}

/** The weights and biases of one stage before step t, within a window. */
export const innerState = (b: ProgramBuilder, stage: Stage, t: number): StageState =>
  stageState((name, shape) => b.tensor(`${name}@${t}`, shape), stage, false)

/** hi in 16 signed bits, lo in its own. */
export const boundState = (b: ProgramBuilder, state: StageState): void => {
  for (const part of [state.weight, state.bias, state.weightVelocity, state.biasVelocity]) {
    if (!part) continue
    signedTensor(b, part.hi, 16)
    signedTensor(b, part.lo, part.lowBits)
  }
}

export interface DataTensors {
  /** [examples, C, Q] in [0, 256) where they are used. */
  readonly pixels: Tensor
  /** [examples] */
  readonly labels: Tensor
}

export const storedData = (b: ProgramBuilder, config: TrainingConfig, examples: number): DataTensors => {
  b.stored('data', BLIND_NAME, [BLIND_ENTRIES])
  const { channels, height, width } = config.input
  return {
    pixels: b.stored('data', 'pixels', [examples, channels, height * width]),
    labels: b.stored('data', 'labels', [examples]),
  }
}
