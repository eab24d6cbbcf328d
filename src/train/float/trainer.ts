/** SGD in float with momentum and decoupled decay: v' = mu v + g, w' = w - lr (v' + lambda w). */
import { openSession, type Session } from '../../nn/session.ts'
import type { TrainingConfig } from '../config.ts'
import type { State } from '../integer/state.ts'
import type { Batches } from '../integer/window.ts'
import type { Network } from '../network.ts'
import { learningRate } from '../schedule.ts'
import {
  biasName,
  floatGradients,
  floatNetwork,
  gradientName,
  LABELS,
  PIXELS,
  weightName,
} from './network.ts'

const LOSS = 'loss'
const LOGITS = 'logits'
/** Images at a time in evaluation. */
const CHUNK = 500

export type FloatParameters = Record<string, Float32Array>

/** The weights of a trainer's state as numbers, rounded to float32. */
export const floatParameters = (network: Network, state: State): FloatParameters => {
  const out: FloatParameters = {}
  network.stages.forEach((stage, l) => {
    const s = state[l]
    if (!s) return
    const full = (hi: Int16Array, lo: Int32Array): Float32Array =>
      Float32Array.from(hi, (h, i) => (h * 2 ** stage.lowBits + (lo[i] as number)) / 2 ** stage.fineScale)
    out[weightName(stage)] = full(s.hi, s.lo)
    out[biasName(stage)] = full(s.biasHi, s.biasLo)
  })
  return out
}

/** Trains in place; one batch a step. */
export class FloatTrainer {
  readonly parameters: FloatParameters
  readonly #config: TrainingConfig
  readonly #network: Network
  readonly #velocities: FloatParameters
  #step: Session<string> | undefined
  #inference: Session<string> | undefined

  /** @param parameters as of `floatParameters`; changed by training */
  constructor(config: TrainingConfig, network: Network, parameters: FloatParameters) {
    this.#config = config
    this.#network = network
    this.parameters = parameters
    const zeros = Object.entries(parameters).map(([name, values]) => [name, new Float32Array(values.length)])
    this.#velocities = Object.fromEntries(zeros)
  }

  /** The batch's mean loss and its gradients by parameter. */
  async gradients({ pixels, labels }: Batches): Promise<{ loss: number; gradients: FloatParameters }> {
    const float = floatNetwork(this.#config, this.#network, this.#config.batch)
    this.#step ??= await openSession<string>({ ...floatGradients(float), [LOSS]: float.loss })
    const out = await this.#step.run({
      ...this.parameters,
      [PIXELS]: Float32Array.from(pixels),
      [LABELS]: labels,
    })
    const gradients: FloatParameters = {}
    for (const name of Object.keys(this.parameters)) {
      gradients[name] = out[gradientName(name)] ?? new Float32Array()
    }
    return { loss: out[LOSS]?.[0] ?? Number.NaN, gradients }
  }

  /** @returns the mean loss before the step */
  async step(batch: Batches, step: number): Promise<number> {
    const { loss, gradients } = await this.gradients(batch)
    const { momentum, weightDecay } = this.#config.optimizer
    const rate = learningRate(this.#config, step)
    for (const [name, g] of Object.entries(gradients)) {
      const [w, v] = [this.parameters[name], this.#velocities[name]]
      if (!w || !v) continue
      for (let i = 0; i < w.length; i++) {
        v[i] = momentum * (v[i] as number) + (g[i] as number)
        w[i] = (w[i] as number) - rate * ((v[i] as number) + weightDecay * (w[i] as number))
      }
    }
    return loss
  }

  /** The part of the examples classified right; as many of them as whole chunks hold. */
  async accuracy({ pixels, labels }: Batches): Promise<number> {
    const size = Math.min(CHUNK, labels.length)
    const { logits } = floatNetwork(this.#config, this.#network, size)
    this.#inference ??= await openSession<string>({ [LOGITS]: logits })
    const { features } = this.#network
    const { classes } = this.#config
    let right = 0
    let seen = 0
    for (; seen + size <= labels.length; seen += size) {
      const images = Float32Array.from(pixels.subarray(seen * features, (seen + size) * features))
      const rows =
        (await this.#inference.run({ ...this.parameters, [PIXELS]: images }))[LOGITS] ?? new Float32Array()
      for (let i = 0; i < size; i++) {
        const row = rows.subarray(i * classes, (i + 1) * classes)
        if (row.indexOf(Math.max(...row)) === labels[seen + i]) right++
      }
    }
    return right / seen
  }

  async release(): Promise<void> {
    await this.#step?.release()
    await this.#inference?.release()
  }
}
