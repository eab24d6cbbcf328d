import { describe, expect, it } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { accuracyPlot } from './accuracy-plot.ts'
import { compareTraining } from './accuracy.ts'
import { type TrainingConfig, trainingSchema } from './config.ts'
import { slice } from './data/dataset.ts'
import { glyphs } from './data/glyphs.ts'

const relu = { kind: 'relu' }
const config = (more: object): TrainingConfig =>
  trainingSchema.parse({
    input: { channels: 1, height: 12, width: 12 },
    classes: 10,
    loss: 'softmax-cross-entropy',
    batch: 32,
    window: 16,
    ...more,
  })
const data = glyphs(1, 1500)
const [train, test] = [slice(data, 0, 1000), slice(data, 1000, 1500)]
const options = { epochs: 3, seed: 1, samplingSeed: new Uint8Array(32) }

describe('on drawn digits, integer training is as accurate as float training', () => {
  const dense = [{ kind: 'dense', units: 32 }, relu, { kind: 'dense', units: 10 }]
  it.each([
    ['mlp', config({ layers: dense, learningRate: { initial: 0.25 } })],
    [
      'mlp with momentum',
      config({ layers: dense, learningRate: { initial: 0.03125 }, optimizer: { momentum: 0.9 } }),
    ],
  ])('%s', async (_, described) => {
    const epochs = await compareTraining(loadBackend(), described, train, test, options)
    const { integer, float } = epochs.at(-1)!
    expect(integer.accuracy).toBeGreaterThan(0.85)
    expect(Math.abs(integer.accuracy - float.accuracy)).toBeLessThan(0.03)
    expect(Math.abs(integer.loss - float.loss)).toBeLessThan(0.03)
  })

  it('refuses an epoch without a step', async () => {
    const large = config({ layers: dense, learningRate: { initial: 1 }, batch: 2000 })
    await expect(compareTraining(loadBackend(), large, train, test, options)).rejects.toThrow(
      /batch: expected at most 1000/,
    )
  })
})

it('draws both curves of each network', () => {
  const score = { loss: 0.1, accuracy: 0.975 }
  const epochs = [1, 2].map(epoch => ({ epoch, integer: score, float: { loss: 0.1, accuracy: 0.96 } }))
  const svg = accuracyPlot([
    { title: 'one', epochs },
    { title: 'two', epochs },
  ])
  expect(svg.match(/<polyline/g)).toHaveLength(4)
  expect(svg).toContain('>two<')
  expect(svg).not.toContain('NaN')
})
