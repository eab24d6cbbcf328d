/** All intermediate values of a window, row-major over [T, B, ...]: what its proof commits to. */
import type { TrainingConfig } from '../config.ts'
import type { Network, Stage } from '../network.ts'
import { type SoftmaxValues, softmaxValues } from './loss.ts'
import type { Parameters } from './state.ts'

export interface StageValues {
  /** [T, B, P, C, K]; only of stages with a gather. */
  readonly u: Int32Array | undefined
  /** acc + 2^(shift - 1) - 2^shift z: [T, B, O, P], in [0, 2^shift). */
  readonly remainder: Float64Array
  /** Gradient of z: [T, B, O, P]. */
  readonly gz: Int32Array
  /** Of stages with ReLU. */
  readonly hidden: HiddenValues | undefined
  /** Logits [T, B, O] of the last stage. */
  readonly z: Int32Array | undefined
}

/** All [T, B, O, P]. */
export interface HiddenValues {
  /** 1 where z < 0. */
  readonly sign: Int32Array
  /** z + 2^activationBits sign, in [0, 2^activationBits). */
  readonly magnitude: Int32Array
  readonly a: Int32Array
  /** Gradient of a, before the gate, and what its rescaling (backShift of the next stage) leaves. */
  readonly g: Int32Array
  readonly gRemainder: Float64Array
}

export interface StepScore {
  readonly step: number
  /** Means over the batch, before the step's update. */
  readonly loss: number
  readonly accuracy: number
}

export interface WindowValues {
  readonly stages: readonly StageValues[]
  readonly softmax: SoftmaxValues | undefined
  readonly steps: readonly StepScore[]
  /** Where asked for: the weights of each stage before the window's steps 1 .. T - 1. */
  readonly weights: readonly (readonly Parameters[])[] | undefined
}

const stageValues = (stage: Stage, rows: number): StageValues => {
  const size = rows * stage.units * stage.positions
  const { positions, inChannels, taps } = stage
  return {
    u: stage.gather && new Int32Array(rows * positions * inChannels * taps),
    remainder: new Float64Array(size),
    gz: new Int32Array(size),
    hidden: stage.relu
      ? {
          sign: new Int32Array(size),
          magnitude: new Int32Array(size),
          a: new Int32Array(size),
          g: new Int32Array(size),
          gRemainder: new Float64Array(size),
        }
      : undefined,
    z: stage.relu ? undefined : new Int32Array(size),
  }
}

/** Zeros, for a window of `rows` = T B examples. */
export const emptyValues = (
  config: TrainingConfig,
  network: Network,
  rows: number,
): { readonly stages: readonly StageValues[]; readonly softmax: SoftmaxValues | undefined } => ({
  stages: network.stages.map(stage => stageValues(stage, rows)),
  softmax: config.loss === 'softmax-cross-entropy' ? softmaxValues(rows, config.classes) : undefined,
})
