import { expect, it } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { compareTraining } from './accuracy.ts'
import { trainingSchema } from './config.ts'
import { slice } from './data/dataset.ts'
import { glyphs } from './data/glyphs.ts'

it('trains a convolutional network on drawn digits as well as in float', async () => {
  const relu = { kind: 'relu' }
  const config = trainingSchema.parse({
    input: { channels: 1, height: 12, width: 12 },
    classes: 10,
    layers: [
      { kind: 'conv', channels: 4, kernel: 3, padding: 1 },
      relu,
      { kind: 'averagePool', size: 2 },
      { kind: 'dense', units: 32 },
      relu,
      { kind: 'dense', units: 10 },
    ],
    loss: 'softmax-cross-entropy',
    learningRate: { initial: 0.25 },
    batch: 32,
    window: 16,
    // Kernels of few taps grow beyond 2.
    precision: { rateScale: 10, weightScale: 13 },
  })
  const data = glyphs(1, 3000)
  const options = { epochs: 4, seed: 1, samplingSeed: new Uint8Array(32) }
  const epochs = await compareTraining(
    loadBackend(),
    config,
    slice(data, 0, 2000),
    slice(data, 2000, 3000),
    options,
  )
  const { integer, float } = epochs.at(-1)!
  expect(integer.accuracy).toBeGreaterThan(0.9)
  expect(Math.abs(integer.accuracy - float.accuracy)).toBeLessThan(0.02)
})
