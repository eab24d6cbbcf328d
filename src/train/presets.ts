/** Descriptions of the networks that the benches train. */
import { type LayerConfig, type TrainingConfig, trainingSchema } from './config.ts'

export interface MlpOptions {
  /** Layers with weights. */
  readonly depth: number
  readonly width: number
  readonly classes?: number
  /** Bytes of an example. */
  readonly features?: number
  readonly batch?: number
  readonly window?: number
}

/**
 * A fully connected network under squared error. Initial weights and the first steps on random data keep to its ranges
 * at every depth up to 64.
 */
export const mlp = ({
  depth,
  width,
  classes = width,
  features = width,
  batch = 64,
  window = 16,
}: MlpOptions): TrainingConfig =>
  trainingSchema.parse({
    input: { channels: 1, height: 1, width: features },
    classes,
    layers: Array.from({ length: depth }, (_, l): LayerConfig[] =>
      l === depth - 1
        ? [{ kind: 'dense', units: classes }]
        : [{ kind: 'dense', units: width }, { kind: 'relu' }],
    ).flat(),
    loss: 'squared-error',
    learningRate: { initial: 2 ** -6 },
    batch,
    window,
    // The error of a thousand outputs makes gradients above those of a softmax.
    precision: { activationBits: 13, gradientBits: 16 },
  })

/** LeNet-5 with average pools, for 28 x 28 images. */
export const lenet = ({
  batch = 32,
  window = 1,
}: {
  batch?: number
  window?: number
} = {}): TrainingConfig => {
  const relu = { kind: 'relu' }
  const pool = { kind: 'averagePool', size: 2 }
  return trainingSchema.parse({
    input: { channels: 1, height: 28, width: 28 },
    classes: 10,
    layers: [
      { kind: 'conv', channels: 6, kernel: 5, padding: 2 },
      relu,
      pool,
      { kind: 'conv', channels: 16, kernel: 5 },
      relu,
      pool,
      { kind: 'dense', units: 120 },
      relu,
      { kind: 'dense', units: 84 },
      relu,
      { kind: 'dense', units: 10 },
    ],
    loss: 'softmax-cross-entropy',
    learningRate: { initial: 0.125 },
    batch,
    window,
    // Behind a pool the input is two bits finer: this keeps every rescaling within 32 bits.
    precision: { rateScale: 10 },
  })
}
