import { describe, expect, it } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { seeded } from '../nn/random.ts'
import type { TrainingConfig } from './config.ts'
import { initialState } from './integer/state.ts'
import { runWindow } from './integer/window.ts'
import { planNetwork } from './network.ts'
import { lenet, mlp } from './presets.ts'

/** Loss of the first and of the last step on random examples. */
const losses = (config: TrainingConfig, steps: number): [first: number, last: number] => {
  const network = planNetwork(config)
  const random = seeded(1)
  const rows = steps * config.batch
  const pixels = Uint8Array.from({ length: rows * network.features }, () => Math.max(0, 640 * random() - 384))
  const labels = Int32Array.from({ length: rows }, () => Math.floor(config.classes * random()))
  const state = initialState(network, config, 1)
  const { values } = runWindow(loadBackend(), config, network, state, { pixels, labels }, 0, steps)
  return [values.steps[0]!.loss, values.steps.at(-1)!.loss]
}

describe('the networks of the benches', () => {
  it.each([
    ['two layers', mlp({ depth: 2, width: 32, batch: 16 })],
    ['64 layers', mlp({ depth: 64, width: 32, batch: 16 })],
    ['few classes', mlp({ depth: 8, width: 64, classes: 10, features: 784, batch: 16 })],
    ['LeNet-5', lenet({ batch: 4 })],
  ])('keep to their ranges: %s', (_, config) => {
    const [first, last] = losses(config, 3)
    expect(Number.isFinite(first) && Number.isFinite(last)).toBe(true)
  })

  it('rescale by at most 32 bits', () => {
    for (const config of [mlp({ depth: 3, width: 8 }), lenet()])
      for (const { shift, backShift } of planNetwork(config).stages)
        expect(Math.max(shift, backShift)).toBeLessThanOrEqual(32)
  })
})
