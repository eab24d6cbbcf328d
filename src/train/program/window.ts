/** The program of a window: every relation and lookup behind the statement (spec/training.md). */
import { entry, ProgramBuilder } from '../../graph/graph.ts'
import { limbs } from '../../ops/rescale/relation.ts'
import type { Entry, Program, PublicTensor, Tensor } from '../../program/program.ts'
import type { TrainingConfig } from '../config.ts'
import { checkProgramSize, checkWindowSize } from '../limits.ts'
import { type Network, planNetwork, type Stage } from '../network.ts'
import { batchIndices } from '../sampling.ts'
import { type Coefficients, stageCoefficients } from '../schedule.ts'
import { boundsOf, checkBounds, hiddenGradient, optimiser, type StageFrame, stageTensors } from './frame.ts'
import { loss, type LossTensors } from './loss.ts'
import { gatherTensor } from './publics.ts'
import { relateBackward, relateForward, relateGate, relateGather, relateRelu, relateUpdate } from './stage.ts'
import { boundState, innerState, type StageState, storedData, storedState } from './state.ts'

export interface WindowSpec {
  readonly config: TrainingConfig
  /** Examples of the data set. */
  readonly examples: number
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly firstStep: number
  /** 1 .. config.window */
  readonly steps: number
}

export interface WindowProgram {
  readonly program: Program
  readonly network: Network
  readonly stages: readonly StageFrame[]
  readonly loss: LossTensors
  /** The batches' pixels [T, B, C, Q]. */
  readonly pixels: Tensor
}

/** Committed values that a step between two commitments saves must outweigh the products that replace them. */
const UNROLL_RATIO = 6

/** Whether the weights between the window's ends are better summed than committed. */
const prefersUnrolled = (
  config: TrainingConfig,
  stage: Stage,
  c: Coefficients,
  gradient: number,
): boolean => {
  const steps = c.velocityGradient.length
  if (steps < 2 || stage.gather || stage.positions > 1) return false
  const fan = stage.inChannels * stage.taps
  if (UNROLL_RATIO * fan * stage.units < config.batch * (fan + stage.units)) return false
  const { forward, backward } = boundsOf(config, stage, c, gradient, true)
  return Math.max(forward, stage.index > 0 ? backward : 0) < 2 ** 62
}

/** The places of a window's batches in the data set, [T][B]. */
export const windowIndices = ({ config, examples, seed, firstStep, steps }: WindowSpec): Uint32Array[] =>
  Array.from({ length: steps }, (_, t) => batchIndices(seed, examples, config.batch, firstStep + t))

/** @throws InputError naming what of the description cannot be proven */
export const windowProgram = (spec: WindowSpec): WindowProgram => {
  const { config, steps } = spec
  const network = planNetwork(config)
  checkWindowSize(spec, network)
  const b = new ProgramBuilder()
  const before = storedState(b, 'weights', config, network)
  const after = storedState(b, 'next', config, network)
  const data = storedData(b, config, spec.examples)
  after.forEach(state => boundState(b, state))
  // Later windows start from what the one before has bounded.
  if (spec.firstStep === 0) before.forEach(state => boundState(b, state))
  // The batches, read from the data set at public places.
  const indices = windowIndices(spec)
  const { channels, height, width } = config.input
  const pixelShape = [steps, config.batch, channels, height * width]
  const pixels = limbs(b, 'pixels', pixelShape, 8).tensors[0] as Tensor
  const places = <T>(visit: (t: number, i: number, at: number) => T): T[] =>
    indices.flatMap((batch, t) => Array.from(batch, (at, i) => visit(t, i, at)))
  b.relate({
    name: 'batch',
    group: 'batch',
    sizes: { t: steps, i: config.batch, c: channels, q: height * width },
    out: ['t', 'i', 'c', 'q'],
    linear: [
      entry(pixels, ['t', 'i', 'c', 'q'], -1n),
      ...places((t, i, at) => entry(data.pixels, [{ at }, 'c', 'q'], 1n, { t, i })),
    ],
  })
  const labels = places((t, i, at) => entry(data.labels, [{ at }], 1n, { t, i }))
  const { stages, lossTensors } = declareStages(b, config, network, spec, before, after, pixels, labels)
  stages.forEach((f, l) => {
    const previous = stages[l - 1]
    relateGather(b, f, entry(previous?.hidden?.a ?? pixels, ['t', 'i', 'c', 'q']))
    relateForward(b, f)
    relateRelu(b, f)
    relateGate(b, f)
    if (previous) relateBackward(b, f, previous)
    relateUpdate(b, f)
  })
  const program = b.finish()
  checkProgramSize(program)
  return { program, network, stages, loss: lossTensors, pixels }
}

/** All tensors of all stages: a relation may name those of any. */
const declareStages = (
  b: ProgramBuilder,
  config: TrainingConfig,
  network: Network,
  spec: WindowSpec,
  before: readonly StageState[],
  after: readonly StageState[],
  pixels: Tensor,
  labels: readonly Entry[],
): { stages: StageFrame[]; lossTensors: LossTensors } => {
  const { steps, firstStep } = spec
  const coefs = stageCoefficients(config, network.stages, firstStep, steps)
  const shared = optimiser(config, network.stages[0] as Stage, coefs[0] as Coefficients)
  const hiddenBound = 2 ** (config.precision.gradientBits - 1)
  const tensors: Pick<StageFrame, 'remainder' | 'hidden' | 'z'>[] = []
  const inner: { bounds: ReturnType<typeof boundsOf>; states: (StageState | undefined)[] }[] = []
  let lossTensors: LossTensors | undefined
  // From the last stage on: each needs the bound of the gradient that comes back to it.
  for (let l = network.stages.length - 1; l >= 0; l--) {
    const stage = network.stages[l] as Stage
    const c = coefs[l] as Coefficients
    const next = network.stages[l + 1]
    tensors[l] = stageTensors(b, config, stage, steps, next, inner[l + 1]?.bounds.backward ?? 0)
    const { z } = tensors[l] ?? {}
    if (z) lossTensors = loss(b, config, steps, z, labels)
    const gradient = z ? (lossTensors?.bound ?? 0) : hiddenBound
    const unrolled = prefersUnrolled(config, stage, c, gradient)
    const bounds = boundsOf(config, stage, c, gradient, unrolled)
    checkBounds(stage, bounds)
    const states = Array.from({ length: steps + 1 }, (_, t) => {
      if (t === 0) return before[l]
      if (t === steps) return after[l]
      if (unrolled) return undefined
      const state = innerState(b, stage, t)
      boundState(b, state)
      return state
    })
    inner[l] = { bounds, states }
  }
  const last = lossTensors as LossTensors
  const stages = network.stages.map((stage, l): StageFrame => {
    const own = tensors[l] as Pick<StageFrame, 'remainder' | 'hidden' | 'z'>
    const source = tensors[l - 1]?.hidden?.a ?? pixels
    const gather: PublicTensor | undefined =
      stage.gather && gatherTensor(`gather ${stage.name}`, stage.gather)
    const { positions, inChannels, taps } = stage
    const input = gather
      ? b.tensor(`${stage.name}.u`, [steps, config.batch, positions, inChannels, taps])
      : source
    return {
      stage,
      config,
      steps,
      coefficients: coefs[l] as Coefficients,
      optimiser: shared,
      states: inner[l]?.states ?? [],
      input: { tensor: input, gather },
      ...own,
      gradient: own.hidden ? hiddenGradient(own.hidden.gz) : last.gradient,
    }
  })
  return { stages, lossTensors: last }
}
