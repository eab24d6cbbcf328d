/**
 * The public description of a training run: data shape, network, loss, optimiser and precision. With a range of steps
 * it determines the whole program (spec/training.md).
 */
import { z } from 'zod'

const extent = z.int().min(1).max(4096)

const layerSchema = z.discriminatedUnion('kind', [
  /** Fully connected: every channel and position of the input to `units` channels at one position. */
  z.strictObject({ kind: z.literal('dense'), units: z.int().min(1).max(16384) }),
  /** Square kernel, zero padding on all sides. */
  z.strictObject({
    kind: z.literal('conv'),
    channels: extent,
    kernel: z.int().min(1).max(15),
    stride: z.int().min(1).max(4).default(1),
    padding: z.int().min(0).max(7).default(0),
  }),
  z.strictObject({ kind: z.literal('relu') }),
  /** Mean over squares of size x size, which must divide the image; size a power of two. */
  z.strictObject({ kind: z.literal('averagePool'), size: z.union([z.literal(2), z.literal(4)]) }),
])

const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  /** Times `factor` after every `every` steps. */
  z.strictObject({ kind: z.literal('step'), every: z.int().min(1), factor: z.number().positive().max(1) }),
  /** From the initial rate to `last` of it, in a straight line over `steps` steps, then constant. */
  z.strictObject({ kind: z.literal('linear'), steps: z.int().min(1), last: z.number().positive().max(1) }),
])

/** log2 of the units per 1.0, and ranges (spec/training.md, section 2). */
const precisionSchema = z.strictObject({
  activationScale: z.int().min(2).max(14).default(8),
  /** Pre-activations lie in [-2^bits, 2^bits). */
  activationBits: z.int().min(4).max(16).default(14),
  gradientScale: z.int().min(4).max(20).default(10),
  /** Signed bits of a gradient. */
  gradientBits: z.int().min(4).max(24).default(14),
  /** Of the 16-bit weights that a window starts from. */
  weightScale: z.int().min(4).max(20).default(14),
  /** Fractional bits of a learning rate divided by the batch. */
  rateScale: z.int().min(1).max(24).default(12),
})

export const trainingSchema = z.strictObject({
  input: z.strictObject({ channels: extent, height: extent, width: extent }),
  classes: z.int().min(2).max(16384),
  /** Each dense and conv layer but the last is followed by relu; the last is dense with one unit a class. */
  layers: z.array(layerSchema).min(1).max(512),
  loss: z.enum(['softmax-cross-entropy', 'squared-error']),
  optimizer: z
    .strictObject({
      momentum: z.number().min(0).max(0.999).default(0),
      weightDecay: z.number().min(0).max(1).default(0),
    })
    .prefault({}),
  learningRate: z.strictObject({
    initial: z.number().positive().max(100),
    schedule: scheduleSchema.default({ kind: 'constant' }),
  }),
  batch: z.int().min(1).max(65536),
  /** Steps of one proof: weights are committed at multiples of it. */
  window: z.int().min(1).max(1024),
  precision: precisionSchema.prefault({}),
})

export type TrainingConfig = z.infer<typeof trainingSchema>
export type LayerConfig = TrainingConfig['layers'][number]
