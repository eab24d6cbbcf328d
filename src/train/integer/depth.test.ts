import { describe, expect, it } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { deepMlp, lenet } from '../../bench/training.ts'
import { seeded } from '../../nn/random.ts'
import type { TrainingConfig } from '../config.ts'
import { initialState } from './state.ts'
import { runWindow } from './window.ts'
import { planNetwork } from '../network.ts'

/** Loss of the first and of the last step on random examples. */
const losses = (config: TrainingConfig, steps: number): [first: number, last: number] => {
  const network = planNetwork(config)
  const random = seeded(1)
  const rows = steps * config.batch
  const pixels = Uint8Array.from({ length: rows * network.features }, () =>
    random() < 1 / 8 ? 256 * random() : 0,
  )
  const labels = Int32Array.from({ length: rows }, () => Math.floor(config.classes * random()))
  const state = initialState(network, config, 1)
  const { values } = runWindow(loadBackend(), config, network, state, { pixels, labels }, 0, steps)
  return [values.steps[0]!.loss, values.steps.at(-1)!.loss]
}

describe('the networks of the benches', () => {
  it.each([
    ['two layers', deepMlp(2, 32, 16, 3)],
    ['32 layers', deepMlp(32, 96, 16, 3)],
    ['LeNet-5', lenet(4, 3)],
  ])('keep to their ranges: %s', (_, config) => {
    const [first, last] = losses(config, 3)
    expect(Number.isFinite(first) && Number.isFinite(last)).toBe(true)
  })
})
