import { describe, expect, it } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { type TrainingConfig, trainingSchema } from '../config.ts'
import { initialState, type State } from '../integer/state.ts'
import { type Batches, runWindow } from '../integer/window.ts'
import { type Network, planNetwork } from '../network.ts'
import { coefficients } from '../schedule.ts'
import { seeded } from '../../nn/random.ts'
import { biasName, weightName } from './network.ts'
import { type FloatParameters, FloatTrainer, floatParameters } from './trainer.ts'

const relu = { kind: 'relu' }
const pool = { kind: 'averagePool', size: 2 }
const mlp = {
  input: { channels: 1, height: 6, width: 6 },
  classes: 5,
  layers: [
    { kind: 'dense', units: 24 },
    relu,
    { kind: 'dense', units: 16 },
    relu,
    { kind: 'dense', units: 5 },
  ],
}
const cnn = {
  input: { channels: 2, height: 8, width: 8 },
  classes: 5,
  layers: [
    { kind: 'conv', channels: 4, kernel: 3, padding: 1 },
    relu,
    pool,
    { kind: 'conv', channels: 6, kernel: 3, stride: 2, padding: 1 },
    relu,
    pool,
    { kind: 'dense', units: 12 },
    relu,
    { kind: 'dense', units: 5 },
  ],
}
const describeRun = (network: object, more: object = {}): TrainingConfig =>
  trainingSchema.parse({
    loss: 'softmax-cross-entropy',
    learningRate: { initial: 0.125 },
    batch: 8,
    window: 8,
    ...network,
    ...more,
  })
const batchesOf = (config: TrainingConfig, network: Network, steps: number): Batches => {
  const random = seeded(7)
  const rows = steps * config.batch
  return {
    pixels: Uint8Array.from({ length: rows * network.features }, () => 256 * random()),
    labels: Int32Array.from({ length: rows }, () => Math.floor(config.classes * random())),
  }
}

/** Euclidean, of all parameters: |a - b| / |b|. */
const distance = (a: FloatParameters, b: FloatParameters, name: string): number => {
  let [difference, size] = [0, 0]
  b[name]!.forEach((value, i) => {
    difference += (a[name]![i]! - value) ** 2
    size += value ** 2
  })
  return Math.sqrt(difference / size)
}

/** The gradients that one step of plain SGD has taken off the weights, of the batch's mean. */
const integerGradients = (
  config: TrainingConfig,
  network: Network,
  state: State,
  data: Batches,
): FloatParameters => {
  const { next } = runWindow(loadBackend(), config, network, state, data, 0, 1)
  const out: FloatParameters = {}
  network.stages.forEach((stage, l) => {
    const rate = coefficients(config, stage, 0, 1).gradient[1]![0]!
    const unit = rate * 2 ** (stage.inputScale + stage.gradientScale) * config.batch
    const [before, after] = [state[l]!, next[l]!]
    const taken = (part: 'hi' | 'biasHi', low: 'lo' | 'biasLo') =>
      Float32Array.from(before[part], (hi, i) => {
        const moved = (hi - after[part][i]!) * 2 ** stage.lowBits + before[low][i]! - after[low][i]!
        return moved / unit
      })
    out[weightName(stage)] = taken('hi', 'lo')
    out[biasName(stage)] = taken('biasHi', 'biasLo')
  })
  return out
}

/**
 * Gradients differ by the rounding of activations and gradients, and by gates: a pre-activation within half a unit of 0
 * may pass a gradient on one side alone. The initial weights here have none of the latter.
 */
describe('integer gradients', () => {
  const coarse = {}
  const fine = {
    activationScale: 11,
    activationBits: 16,
    gradientScale: 15,
    gradientBits: 20,
    rateScale: 10,
    weightScale: 14,
  }
  it.each([
    ['mlp', 'softmax-cross-entropy', 0.02, mlp, coarse],
    ['mlp', 'squared-error', 0.02, mlp, coarse],
    ['cnn', 'softmax-cross-entropy', 0.02, cnn, coarse],
    ['cnn', 'squared-error', 0.02, cnn, coarse],
    ['mlp, finer', 'softmax-cross-entropy', 0.001, mlp, fine],
    ['cnn, finer', 'softmax-cross-entropy', 0.001, cnn, fine],
    ['cnn, finer', 'squared-error', 0.001, cnn, fine],
  ])('of %s, %s: those of float within %d', async (_, loss, tolerance, shape, precision) => {
    const config = describeRun(shape, { loss, precision })
    const network = planNetwork(config)
    const state = initialState(network, config, 6)
    const data = batchesOf(config, network, 1)
    const float = new FloatTrainer(config, network, floatParameters(network, state))
    const wanted = (await float.gradients(data)).gradients
    const found = integerGradients(config, network, state, data)
    for (const name of Object.keys(wanted))
      expect(distance(found, wanted, name), name).toBeLessThan(tolerance)
    await float.release()
  })

  it('by hand: (z - H) x of squared error', async () => {
    const config = describeRun(
      { input: { channels: 1, height: 1, width: 1 }, classes: 2, layers: [{ kind: 'dense', units: 2 }] },
      { loss: 'squared-error', batch: 1, learningRate: { initial: 0.5 } },
    )
    const network = planNetwork(config)
    const one = 2 ** config.precision.weightScale
    const zeros = { lo: new Int32Array(2), biasHi: new Int16Array(2), biasLo: new Int32Array(2) }
    const state = [{ hi: Int16Array.of(one, 0), ...zeros }]
    const data = { pixels: Uint8Array.of(128), labels: Int32Array.of(1) }
    const wanted = { 'dense1.weight': Float32Array.of(0.25, -0.5), 'dense1.bias': Float32Array.of(0.5, -1) }
    expect(integerGradients(config, network, state, data)).toEqual(wanted)
    const float = new FloatTrainer(config, network, floatParameters(network, state))
    expect(await float.gradients(data)).toEqual({ loss: 0.625, gradients: wanted })
    await float.release()
  })
})

describe('a window', () => {
  it.each([
    ['plain', {}, mlp],
    ['momentum and decay', { momentum: 0.9, weightDecay: 0.01 }, mlp],
    ['momentum', { momentum: 0.9 }, cnn],
  ])('of 8 steps moves weights as float training does: %s', async (_, optimizer, shape) => {
    const learningRate = { initial: 0.05, schedule: { kind: 'linear', steps: 8, last: 0.5 } }
    const precision = {
      activationScale: 11,
      activationBits: 16,
      gradientScale: 14,
      gradientBits: 20,
      rateScale: 16,
    }
    const config = describeRun(shape, { optimizer, learningRate, precision })
    const network = planNetwork(config)
    const state = initialState(network, config, 6)
    const data = batchesOf(config, network, 8)
    const float = new FloatTrainer(config, network, floatParameters(network, state))
    const start = floatParameters(network, state)
    for (let t = 0; t < 8; t++) {
      const [from, to] = [t * config.batch, (t + 1) * config.batch]
      const pixels = data.pixels.subarray(from * network.features, to * network.features)
      await float.step({ pixels, labels: data.labels.subarray(from, to) }, t)
    }
    const { next } = runWindow(loadBackend(), config, network, state, data, 0, 8)
    const end = floatParameters(network, next)
    const moved = (to: FloatParameters): FloatParameters =>
      Object.fromEntries(Object.entries(to).map(([name, w]) => [name, w.map((x, i) => x - start[name]![i]!)]))
    const [found, wanted] = [moved(end), moved(float.parameters)]
    for (const name of Object.keys(wanted)) expect(distance(found, wanted, name), name).toBeLessThan(0.01)
    await float.release()
  })
})

describe('a run', () => {
  it('without momentum and decay does not depend on its windows', () => {
    const config = describeRun(cnn)
    const network = planNetwork(config)
    const start = initialState(network, config, 6)
    const data = batchesOf(config, network, 4)
    const whole = runWindow(loadBackend(), config, network, start, data, 0, 4).next
    let state = start
    for (let t = 0; t < 4; t++) {
      const pixels = data.pixels.subarray(t * 8 * network.features, (t + 1) * 8 * network.features)
      const labels = data.labels.subarray(t * 8, (t + 1) * 8)
      state = runWindow(loadBackend(), config, network, state, { pixels, labels }, t, 1).next
    }
    expect(state).toEqual(whole)
  })
})
