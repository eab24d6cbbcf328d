/** Small training windows on random data. Tests only. */
import type { Backend } from '../backend/backend.ts'
import { seeded } from '../nn/random.ts'
import { type TrainingConfig, trainingSchema } from './config.ts'
import { gatherBatches } from './data/batches.ts'
import { initialState, type State } from './integer/state.ts'
import { type Batches, runWindow, type Window } from './integer/window.ts'
import { planNetwork } from './network.ts'
import { type WindowProgram, windowProgram, type WindowSpec } from './program/window.ts'
import { WindowTensors } from './witness.ts'

export interface FixtureOptions {
  readonly steps: number
  readonly firstStep?: number
  readonly momentum?: number
  readonly weightDecay?: number
  readonly loss?: TrainingConfig['loss']
  readonly weightSeed?: number
  /** In place of a drawn state. */
  readonly before?: State
}

const NETWORKS = {
  mlp: { input: { channels: 1, height: 2, width: 3 }, classes: 3, batch: 4, layers: [{ kind: 'dense', units: 5 }, { kind: 'relu' }, { kind: 'dense', units: 4 }, { kind: 'relu' }, { kind: 'dense', units: 3 }] },
  /** Wide enough that weights within a window are summed instead of committed. */
  unrolled: { input: { channels: 6, height: 1, width: 1 }, classes: 6, batch: 2, layers: [{ kind: 'dense', units: 6 }, { kind: 'relu' }, { kind: 'dense', units: 6 }, { kind: 'relu' }, { kind: 'dense', units: 6 }] },
  cnn: {
    input: { channels: 2, height: 4, width: 4 },
    classes: 3,
    batch: 2,
    layers: [
      { kind: 'conv', channels: 2, kernel: 3, padding: 1 },
      { kind: 'relu' },
      { kind: 'averagePool', size: 2 },
      { kind: 'conv', channels: 3, kernel: 2, padding: 1, stride: 2 },
      { kind: 'relu' },
      { kind: 'averagePool', size: 2 },
      { kind: 'dense', units: 4 },
      { kind: 'relu' },
      { kind: 'dense', units: 3 },
    ],
  },
} as const

export type FixtureKind = keyof typeof NETWORKS

export const fixtureConfig = (kind: FixtureKind, { steps, momentum = 0, weightDecay = 0, loss = 'softmax-cross-entropy' }: FixtureOptions): TrainingConfig =>
  trainingSchema.parse({
    ...NETWORKS[kind],
    loss,
    optimizer: { momentum, weightDecay },
    learningRate: { initial: 0.1 },
    window: steps,
    precision: { activationScale: 6, activationBits: 10, gradientScale: 8, gradientBits: 11, weightScale: 12, rateScale: 8 },
  })

export interface WindowFixture {
  readonly spec: WindowSpec
  readonly window: WindowProgram
  readonly before: State
  readonly batches: Batches
  readonly dataset: { readonly pixels: Uint8Array; readonly labels: Int32Array }
  readonly run: Window
  readonly tensors: WindowTensors
}

const EXAMPLES = 13

export const windowFixture = (backend: Backend, kind: FixtureKind, options: FixtureOptions): WindowFixture =>
  windowOf(backend, fixtureConfig(kind, options), options)

export const windowOf = (
  backend: Backend,
  config: TrainingConfig,
  options: Pick<FixtureOptions, 'steps' | 'firstStep' | 'before' | 'weightSeed'>,
): WindowFixture => {
  const network = planNetwork(config)
  const random = seeded(7, 0)
  const dataset = {
    pixels: Uint8Array.from({ length: EXAMPLES * network.features }, () => Math.floor(256 * random())),
    labels: Int32Array.from({ length: EXAMPLES }, () => Math.floor(config.classes * random())),
  }
  const spec = { config, examples: EXAMPLES, seed: new Uint8Array(32).fill(3), firstStep: options.firstStep ?? 0, steps: options.steps }
  const before = options.before ?? initialState(network, config, options.weightSeed ?? 5)
  const batches = gatherBatches(spec, dataset, network.features)
  const run = runWindow(backend, config, network, before, batches, spec.firstStep, spec.steps, { weights: true })
  const window = windowProgram(spec)
  const tensors = new WindowTensors(backend, window, { before, after: run.next, batches, dataset, values: run.values })
  return { spec, window, before, batches, dataset, run, tensors }
}
