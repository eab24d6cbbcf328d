/** The integer training of one window, exactly as spec/training.md, section 3, states it. */
import type { Backend } from '../../backend/backend.ts'
import { InputError, InternalError } from '../../errors.ts'
import type { TrainingConfig } from '../config.ts'
import type { Network, Stage } from '../network.ts'
import { exponentials } from '../program/loss.ts'
import { score, softmaxRow, squaredRow } from './loss.ts'
import { byUnit, StageKernels, type Weights } from './stage.ts'
import type { Parameters, State } from './state.ts'
import { StageWeights } from './trajectory.ts'
import type { Rescaled } from './wide.ts'
import { emptyValues, type StepScore, type WindowValues } from './values.ts'

/** The examples of a window's steps, one batch after the other. */
export interface Batches {
  /** Bytes [T, B, C, Q]. */
  readonly pixels: Int32Array | Uint8Array
  /** [T, B], in [0, classes). */
  readonly labels: Int32Array
}

export interface WindowOptions {
  /** Called after each step. */
  readonly onStep?: (score: StepScore) => void
  /** Whether the values shall hold the weights before each step but the first. */
  readonly weights?: boolean
}

export interface Window {
  readonly next: State
  readonly values: WindowValues
}

/**
 * @param state before step `firstStep`
 * @param firstStep counted from 0 over the whole run
 * @param steps T, the batches' number
 * @throws InputError naming stage and step where a value leaves its range
 */
export const runWindow = (
  backend: Backend,
  config: TrainingConfig,
  network: Network,
  state: State,
  batches: Batches,
  firstStep: number,
  steps: number,
  options: WindowOptions = {},
): Window => {
  checkBatches(config, network, batches, steps)
  const run = new Run(backend, config, network, state, batches, firstStep, steps)
  const scores: StepScore[] = []
  const weights: Parameters[][] = []
  for (let t = 0; t < steps; t++) {
    if (options.weights && t > 0) weights.push(run.weights())
    run.forward(t)
    scores.push(run.loss(t))
    run.backward(t)
    options.onStep?.(scores[t] as StepScore)
  }
  return {
    next: run.state(),
    values: { ...run.values, steps: scores, weights: options.weights ? weights : undefined },
  }
}

const checkBatches = (
  config: TrainingConfig,
  network: Network,
  { pixels, labels }: Batches,
  steps: number,
): void => {
  const rows = config.batch * steps
  const expect = (ok: boolean, argument: string, expected: string, got: unknown): void => {
    if (!ok) throw new InputError(argument, expected, String(got))
  }
  expect(Number.isInteger(steps) && steps >= 1, 'steps', 'at least 1', steps)
  expect(
    pixels.length === rows * network.features,
    'pixels',
    `${rows * network.features} bytes`,
    pixels.length,
  )
  expect(labels.length === rows, 'labels', `${rows}, one an example`, labels.length)
  const stray = labels.find(label => !(label >= 0 && label < config.classes))
  expect(stray === undefined, 'labels', `classes from 0 to ${config.classes - 1}`, stray)
  if (pixels instanceof Int32Array) {
    const odd = pixels.find(pixel => !(pixel >= 0 && pixel < 256))
    expect(odd === undefined, 'pixels', 'bytes', odd)
  }
}

class Run {
  readonly values: ReturnType<typeof emptyValues>
  readonly #config: TrainingConfig
  readonly #network: Network
  readonly #batches: Batches
  readonly #firstStep: number
  readonly #kernels: readonly StageKernels[]
  readonly #weights: readonly StageWeights[]
  readonly #exponentials: Int32Array

  constructor(
    backend: Backend,
    config: TrainingConfig,
    network: Network,
    state: State,
    batches: Batches,
    firstStep: number,
    steps: number,
  ) {
    this.#config = config
    this.#network = network
    this.#batches = batches
    this.#firstStep = firstStep
    this.#kernels = network.stages.map(stage => new StageKernels(backend, stage))
    this.#weights = network.stages.map(
      (stage, l) => new StageWeights(config, stage, at(state, l), firstStep, steps),
    )
    this.#exponentials = exponentials(config.precision.activationScale)
    this.values = emptyValues(config, network, config.batch * steps)
  }

  weights(): Parameters[] {
    return this.#weights.map(w => w.parameters())
  }

  state(): State {
    return this.#weights.map(w => w.state())
  }

  forward(t: number): void {
    const { batch, precision } = this.#config
    const range = 2 ** precision.activationBits
    for (const stage of this.#network.stages) {
      const { z, hidden, remainder } = at(this.values.stages, stage.index)
      const u = this.#gathered(stage, t)
      const out = at(this.#kernels, stage.index).forward(u, this.#stageWeights(stage), stage.shift, batch)
      this.#check(stage, t, 'a pre-activation', range, out.value)
      const from = t * out.value.length
      remainder.set(out.remainder, from)
      z?.set(out.value, from)
      if (!hidden) continue
      for (let i = 0; i < out.value.length; i++) {
        const value = out.value[i] as number
        const sign = value < 0 ? 1 : 0
        hidden.sign[from + i] = sign
        hidden.magnitude[from + i] = value + range * sign
        hidden.a[from + i] = sign === 1 ? 0 : value
      }
    }
  }

  /** The loss's gradient of the logits. */
  loss(t: number): StepScore {
    const { batch, classes, precision } = this.#config
    const last = at(this.#network.stages, this.#network.stages.length - 1)
    const { z, gz } = at(this.values.stages, last.index)
    const { softmax } = this.values
    const { labels } = this.#batches
    const logits = z as Int32Array
    for (let row = t * batch; row < (t + 1) * batch; row++) {
      const label = labels[row] as number
      if (softmax) softmaxRow(this.#config, this.#exponentials, logits, label, row, softmax, gz)
      else squaredRow(this.#config, logits, label, row, gz)
    }
    const range = 2 ** (precision.gradientBits - 1)
    this.#check(last, t, 'a gradient', range, gz.subarray(t * batch * classes, (t + 1) * batch * classes))
    return { step: this.#firstStep + t, ...score(this.#config, logits, labels, t * batch, batch) }
  }

  /** From the logits' gradient down to the first stage's, moving each stage's weights on. */
  backward(t: number): void {
    const { batch } = this.#config
    for (const stage of [...this.#network.stages].reverse()) {
      const kernels = at(this.#kernels, stage.index)
      const { weights, bias } = at(this.#weights, stage.index)
      const own = this.#slice(at(this.values.stages, stage.index).gz, stage, t)
      const gz = byUnit(own, stage.units, stage.positions)
      if (stage.index > 0) {
        const before = at(this.#network.stages, stage.index - 1)
        this.#gate(before, t, kernels.backward(gz, weights.current, batch))
      }
      const u = this.#gathered(stage, t, true)
      weights.push((out, factor) => kernels.addGradient(out, factor, gz, u, batch))
      bias.push((out, factor) => kernels.addBiasGradient(out, factor, gz))
    }
  }

  /** Stores the gradient of a stage's activation, and that of z: where z >= 0. */
  #gate(stage: Stage, t: number, { value, remainder }: Rescaled): void {
    const { hidden, gz } = at(this.values.stages, stage.index)
    if (!hidden) throw new InternalError(`${stage.name}: a gradient without a ReLU`)
    this.#check(stage, t, 'a gradient', 2 ** (this.#config.precision.gradientBits - 1), value)
    const from = t * value.length
    hidden.g.set(value, from)
    hidden.gRemainder.set(remainder, from)
    for (let i = 0; i < value.length; i++)
      gz[from + i] = hidden.sign[from + i] === 1 ? 0 : (value[i] as number)
  }

  /** u of a stage at a step: its input, gathered once (`known` afterwards). */
  #gathered(stage: Stage, t: number, known = false): Int32Array {
    const { batch } = this.#config
    const { u } = at(this.values.stages, stage.index)
    if (!u) return this.#input(stage, t)
    const size = batch * stage.positions * stage.inChannels * stage.taps
    const slice = u.subarray(t * size, (t + 1) * size)
    if (!known) at(this.#kernels, stage.index).gather(this.#input(stage, t), slice)
    return slice
  }

  #input(stage: Stage, t: number): Int32Array {
    if (stage.index === 0) {
      const size = this.#config.batch * this.#network.features
      return Int32Array.from(this.#batches.pixels.subarray(t * size, (t + 1) * size))
    }
    const before = at(this.#network.stages, stage.index - 1)
    return this.#slice(at(this.values.stages, before.index).hidden?.a as Int32Array, before, t)
  }

  #slice(x: Int32Array, stage: Stage, t: number): Int32Array {
    const size = this.#config.batch * stage.units * stage.positions
    return x.subarray(t * size, (t + 1) * size)
  }

  #stageWeights(stage: Stage): Weights {
    const { weights, bias } = at(this.#weights, stage.index)
    return { weights: weights.current, bias: bias.current }
  }

  #check(stage: Stage, t: number, what: string, range: number, values: Float64Array | Int32Array): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number
      if (value >= -range && value < range) continue
      const expected = `${what} in [-${range}, ${range}); give it more bits or lower the learning rate`
      throw new InputError(`${stage.name} at step ${this.#firstStep + t}`, expected, `${value}`)
    }
  }
}

const at = <V>(list: readonly V[], index: number): V => list[index] as V
