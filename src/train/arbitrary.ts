/** Small random descriptions. Tests only. */
import fc from 'fast-check'
import { type TrainingConfig, trainingSchema } from './config.ts'

/** Inside the 13 examples of a fixture. */
const batch = fc.integer({ min: 1, max: 5 })
const units = fc.integer({ min: 1, max: 5 })
const relu = { kind: 'relu' } as const

const conv = fc
  .record({
    channels: fc.integer({ min: 1, max: 3 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 2 }),
    padding: fc.integer({ min: 0, max: 1 }),
  })
  .map(c => [{ kind: 'conv', ...c }, relu] as const)
const dense = units.map(n => [{ kind: 'dense', units: n }, relu] as const)
const pool = [{ kind: 'averagePool', size: 2 }] as const

/** Images of 4 x 4 whose first convolution keeps their size where a pool follows it. */
const convolutional = fc
  .record({ first: conv, pooled: fc.boolean(), second: fc.option(conv, { nil: undefined }) })
  .map(({ first, pooled, second }) => {
    const [own, gate] = first
    const whole = pooled ? [{ ...own, kernel: 3, stride: 1, padding: 1 }, gate, ...pool] : [own, gate]
    return {
      input: { channels: 2, height: 4, width: 4 },
      layers: [...whole, ...(second ? [{ ...second[0], padding: 1 }, second[1]] : [])],
    }
  })
const connected = fc
  .record({ width: fc.integer({ min: 1, max: 6 }), hidden: fc.array(dense, { maxLength: 3 }) })
  .map(({ width, hidden }) => ({ input: { channels: 1, height: 1, width }, layers: hidden.flat() }))

/** Of windows of `window` steps. */
export const descriptions: fc.Arbitrary<TrainingConfig> = fc
  .record({
    network: fc.oneof(connected, convolutional),
    classes: fc.integer({ min: 2, max: 5 }),
    loss: fc.constantFrom('softmax-cross-entropy' as const, 'squared-error' as const),
    momentum: fc.constantFrom(0, 0.5, 0.9),
    weightDecay: fc.constantFrom(0, 0.01),
    batch,
    window: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ network, classes, loss, momentum, weightDecay, batch, window }) =>
    trainingSchema.parse({
      input: network.input,
      classes,
      layers: [...network.layers, { kind: 'dense', units: classes }],
      loss,
      optimizer: { momentum, weightDecay },
      learningRate: { initial: 0.03, schedule: { kind: 'step', every: 5, factor: 0.5 } },
      batch,
      window,
      precision: {
        activationScale: 6,
        activationBits: 12,
        gradientScale: 8,
        gradientBits: 16,
        weightScale: 12,
        rateScale: 10,
      },
    }),
  )
