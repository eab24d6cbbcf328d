/** Integer training beside float training: one network, one initialisation, one schedule, the same batches. */
import type { Backend } from '../backend/backend.ts'
import { InputError } from '../errors.ts'
import type { TrainingConfig } from './config.ts'
import { gatherBatches } from './data/batches.ts'
import { conform, type Dataset } from './data/dataset.ts'
import { FloatTrainer, floatParameters } from './float/trainer.ts'
import { evaluate } from './integer/evaluate.ts'
import { initialState, type State } from './integer/state.ts'
import { type Batches, runWindow } from './integer/window.ts'
import { type Network, planNetwork } from './network.ts'

export interface Score {
  /** Mean training loss of the epoch, before each step. */
  readonly loss: number
  /** On the test set, after the epoch; of the integer model by its 16-bit weights alone. */
  readonly accuracy: number
}

export interface Epoch {
  readonly epoch: number
  readonly integer: Score
  readonly float: Score
}

export interface ComparisonOptions {
  readonly epochs: number
  /** Of the initial weights. */
  readonly seed: number
  readonly samplingSeed: Uint8Array
  readonly onEpoch?: (epoch: Epoch) => void
}

const part = (batches: Batches, config: TrainingConfig, network: Network, t: number): Batches => {
  const [from, to] = [t * config.batch, (t + 1) * config.batch]
  return {
    pixels: batches.pixels.subarray(from * network.features, to * network.features),
    labels: batches.labels.subarray(from, to),
  }
}

/** @throws InputError when the data do not fit, a value overflows, or an epoch has no step */
export const compareTraining = async (
  backend: Backend,
  config: TrainingConfig,
  train: Dataset,
  test: Dataset,
  { epochs, seed, samplingSeed, onEpoch }: ComparisonOptions,
): Promise<Epoch[]> => {
  const network = planNetwork(config)
  const examples = conform('training data', train, config)
  const held = conform('test data', test, config)
  const heldBatches = { pixels: held.pixels, labels: Int32Array.from(held.labels) }
  const perEpoch = Math.floor(examples.labels.length / config.batch)
  if (perEpoch < 1)
    throw new InputError('batch', `at most ${examples.labels.length} examples`, `${config.batch}`)
  let state: State = initialState(network, config, seed)
  const float = new FloatTrainer(config, network, floatParameters(network, state))
  const out: Epoch[] = []
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const losses = { integer: 0, float: 0 }
      for (let at = (epoch - 1) * perEpoch; at < epoch * perEpoch; ) {
        const steps = Math.min(config.window, epoch * perEpoch - at)
        const range = { config, examples: examples.labels.length, seed: samplingSeed, firstStep: at, steps }
        const batches = gatherBatches(range, examples, network.features)
        const { next, values } = runWindow(backend, config, network, state, batches, at, steps)
        state = next
        for (const { loss } of values.steps) losses.integer += loss / perEpoch
        for (let t = 0; t < steps; t++) {
          losses.float += (await float.step(part(batches, config, network, t), at + t)) / perEpoch
        }
        at += steps
      }
      const { accuracy } = evaluate(backend, config, network, state, heldBatches.pixels, heldBatches.labels)
      const scores = {
        epoch,
        integer: { loss: losses.integer, accuracy },
        float: { loss: losses.float, accuracy: await float.accuracy(heldBatches) },
      }
      out.push(scores)
      onEpoch?.(scores)
    }
  } finally {
    await float.release()
  }
  return out
}
