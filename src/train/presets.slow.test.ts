import { expect, it } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { seeded } from '../nn/random.ts'
import { initialState } from './integer/state.ts'
import { runWindow } from './integer/window.ts'
import { planNetwork } from './network.ts'
import { mlp } from './presets.ts'

it.each([
  [8, 1024, 1024],
  [16, 1024, 1024],
  [64, 362, 362],
  [1, 2896, 2896],
  [16, 1024, 10],
])(
  '%d layers of %d units, %d classes: 4 steps within their ranges, the loss falls',
  (depth, width, classes) => {
    const config = mlp({ depth, width, classes, window: 4 })
    const network = planNetwork(config)
    const random = seeded(1)
    const pixels = Uint8Array.from({ length: 4 * 64 * width }, () => Math.max(0, 640 * random() - 384))
    const labels = Int32Array.from({ length: 4 * 64 }, () => Math.floor(classes * random()))
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
  },
)
