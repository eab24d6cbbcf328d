/** Inference with the 16-bit weights alone: what a trained model answers under its commitment. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import type { TrainingConfig } from '../config.ts'
import type { Network } from '../network.ts'
import { score } from './loss.ts'
import { StageKernels } from './stage.ts'
import type { State } from './state.ts'

/** Images at a time. */
const CHUNK = 256

/**
 * Logits [examples, classes] at activationScale: z = rescale(sum u hi + 2^inputScale biasHi,
 * inputScale + weightScale - outputScale) and ReLU, stage by stage.
 * @param pixels bytes [examples, C, Q]
 * @throws InputError naming the stage whose value leaves its range
 */
export const infer = (
  backend: Backend,
  config: TrainingConfig,
  network: Network,
  state: State,
  pixels: Int32Array | Uint8Array,
): Int32Array => {
  const examples = pixels.length / network.features
  const logits = new Int32Array(examples * config.classes)
  const stages = network.stages.map((stage, l) => ({
    stage,
    kernels: new StageKernels(backend, stage),
    weights: new Float64Array(state[l]?.hi ?? []),
    bias: new Float64Array(state[l]?.biasHi ?? []),
  }))
  const range = 2 ** config.precision.activationBits
  for (let from = 0; from < examples; from += CHUNK) {
    const batch = Math.min(CHUNK, examples - from)
    let a = Int32Array.from(pixels.subarray(from * network.features, (from + batch) * network.features))
    for (const { stage, kernels, weights, bias } of stages) {
      const u = kernels.gathers ? new Int32Array(batch * stage.positions * stage.inChannels * stage.taps) : a
      kernels.gather(a, u)
      const shift = stage.inputScale + stage.weightScale - stage.outputScale
      const { value } = kernels.forward(u, { weights, bias }, shift, batch)
      const far = value.find(z => !(z >= -range && z < range))
      if (far !== undefined)
        throw new InputError(stage.name, `a pre-activation in [-${range}, ${range})`, `${far}`)
      a = Int32Array.from(value, z => (stage.relu ? Math.max(0, z) : z))
    }
    logits.set(a, from * config.classes)
  }
  return logits
}

/** Mean loss, and the part of the examples classified right. */
export const evaluate = (
  backend: Backend,
  config: TrainingConfig,
  network: Network,
  state: State,
  pixels: Int32Array | Uint8Array,
  labels: Int32Array,
): { readonly loss: number; readonly accuracy: number } =>
  score(config, infer(backend, config, network, state, pixels), labels, 0, labels.length)
