import { expect, it } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { deepMlp } from '../../bench/training.ts'
import { seeded } from '../../nn/random.ts'
import { initialState } from './state.ts'
import { runWindow } from './window.ts'
import { planNetwork } from '../network.ts'

it.each([
  [8, 1024],
  [16, 1024],
  [64, 362],
  [1, 2896],
])('%d layers of %d units: 4 steps within their ranges, the loss falls', (depth, width) => {
  const config = deepMlp(depth, width, 64, 4)
  const network = planNetwork(config)
  const random = seeded(1)
  const pixels = Uint8Array.from({ length: 4 * 64 * width }, () => (random() < 1 / 8 ? 256 * random() : 0))
  const labels = Int32Array.from({ length: 4 * 64 }, () => Math.floor(width * random()))
  const { values } = runWindow(
    loadBackend(),
    config,
    network,
    initialState(network, config, 1),
    { pixels, labels },
    0,
    4,
  )
  expect(values.steps.at(-1)!.loss).toBeLessThan(values.steps[0]!.loss)
})
