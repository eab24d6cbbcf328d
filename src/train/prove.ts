/** Commitments to states and data sets, and proofs of windows: the prover's library. */
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Backend } from '../backend/backend.ts'
import { type CommitmentShape, chooseShapes, shapeBeside } from '../commit/geometry.ts'
import type { Committed } from '../commit/prove.ts'
import { InputError } from '../errors.ts'
import { ProgramBuilder } from '../graph/graph.ts'
import { BLIND_NAME, type WeightsCommitment } from '../proof/commitment.ts'
import { digestOf, encodeProof, statementBytes } from '../proof/files.ts'
import { proveCore } from '../proof/prove-core.ts'
import { seededFill, systemRandom } from '../proof/prove.ts'
import type { RandomFill } from '../proof/random.ts'
import { type Setup, setUp } from '../proof/setup.ts'
import type { Field } from '../proof/stream.ts'
import { commitWeights, drawBlind, drawTail, weightsStack } from '../proof/weights.ts'
import { layoutTensors } from '../program/layout.ts'
import type { Tensor } from '../program/program.ts'
import type { Commitment, StageHook, WindowProof, WindowRequest } from './api.ts'
import type { TrainingConfig } from './config.ts'
import { gatherBatches } from './data/batches.ts'
import type { Dataset } from './data/dataset.ts'
import {
  decodeDataCommitment,
  decodeStateCommitment,
  encodeDataCommitment,
  encodeStateCommitment,
  type TrainingStatement,
} from './files.ts'
import type { Parameters, State } from './integer/state.ts'
import { planNetwork } from './network.ts'
import { storedData, storedState } from './program/state.ts'
import { windowProgram } from './program/window.ts'
import { WindowTensors } from './witness.ts'

type Integers = Int16Array | Int32Array

/** Openings for which a state's rows are laid out beside the data's. */
const STATE_OPENINGS = 64

/** A commitment to tensors, under a seed. */
const materialise = (
  backend: Backend,
  tensors: readonly Tensor[],
  values: (tensor: Tensor) => Integers,
  seed: Uint8Array,
  shapeOf: (length: number) => CommitmentShape,
): { committed: Committed; commitment: WeightsCommitment } => {
  const random = seededFill(seed)
  const blind = drawBlind(random)
  const layout = layoutTensors(tensors)
  const shape = shapeOf(layout.length)
  const of = (tensor: Tensor): Integers => (tensor.name === BLIND_NAME ? blind : values(tensor))
  const stack = weightsStack(tensors, layout, of)
  return commitWeights(backend, shape, tensors, layout, stack, drawTail(shape, random))
}

const stateTensors = (config: TrainingConfig): { tensors: readonly Tensor[]; length: number } => {
  const b = new ProgramBuilder()
  storedState(b, 'weights', config, planNetwork(config))
  return { tensors: b.weights, length: layoutTensors(b.weights).length }
}

/**
 * Commits to a data set: each example and label once. Its row length is the whole run's.
 * @param seed 32 secret bytes; the same seed gives the same commitment
 * @param openings proofs that the commitment must hide
 */
export const commitData = (
  backend: Backend,
  config: TrainingConfig,
  dataset: Dataset,
  seed: Uint8Array,
  openings: number,
): Commitment<Committed> => {
  const examples = dataset.labels.length
  const spec = { config, examples, seed: new Uint8Array(32), firstStep: 0, steps: config.window }
  const { program } = windowProgram(spec)
  const b = new ProgramBuilder()
  storedData(b, config, examples)
  const state = { length: stateTensors(config).length, openings: STATE_OPENINGS }
  const demands = { weights: state, next: state, data: { length: layoutTensors(b.data).length, openings } }
  const shape = chooseShapes<'next' | 'data'>(demands, layoutTensors(program.witness).length).data
  const values = { pixels: Int16Array.from(dataset.pixels), labels: Int16Array.from(dataset.labels) }
  const of = (tensor: Tensor): Integers => (tensor.name === 'labels' ? values.labels : values.pixels)
  const { committed, commitment } = materialise(backend, b.data, of, seed, () => shape)
  const file = encodeDataCommitment({ input: config.input, examples, committed: commitment })
  return { file, digest: digestOf(file), committed }
}

/** Commits to a state, in rows that open beside those of the data. */
export const commitState = (
  backend: Backend,
  config: TrainingConfig,
  state: State,
  data: Uint8Array,
  seed: Uint8Array,
  openings: number,
): Commitment<Committed> => {
  const { tensors } = stateTensors(config)
  const { shape } = decodeDataCommitment(data).committed
  const named = stateValues(config, state)
  const of = (tensor: Tensor): Integers => {
    const found = named.get(tensor.name)
    if (!found) throw new InputError('state', `values of ${tensor.name}`, 'none')
    return found
  }
  const { committed, commitment } = materialise(backend, tensors, of, seed, length =>
    shapeBeside(shape, { length, openings }),
  )
  const file = encodeStateCommitment({ config, committed: commitment })
  return { file, digest: digestOf(file), committed }
}

/** Values by tensor name; lo in 16 bits where it fits. */
const stateValues = (config: TrainingConfig, state: State): ReadonlyMap<string, Integers> => {
  const out = new Map<string, Integers>()
  const put = (name: string, hi: Int16Array, lo: Int32Array, lowBits: number): void => {
    out.set(name, hi)
    out.set(`${name}.lo`, lowBits <= 16 ? Int16Array.from(lo) : lo)
  }
  planNetwork(config).stages.forEach((stage, l) => {
    const own = state[l]
    if (!own) throw new InputError('state', `${stage.name} of the network`, 'a state of fewer stages')
    const parameters = (suffix: string, p: Parameters, lowBits: number): void => {
      put(`${stage.name}${suffix}`, p.hi, p.lo, lowBits)
      put(`${stage.name}.bias${suffix}`, p.biasHi, p.biasLo, lowBits)
    }
    parameters('', own, stage.lowBits)
    if (own.velocity) parameters('.velocity', own.velocity, 32)
  })
  return out
}

export interface ProvenWindow extends WindowProof {
  readonly setup: Setup
  readonly fields: readonly Field[]
}

/** Proves a finished window. Costs one opening of each of its three commitments. */
export const proveWindow = async (
  backend: Backend,
  request: WindowRequest<Committed>,
  options: { readonly onStage?: StageHook; readonly random?: RandomFill } = {},
): Promise<ProvenWindow> => {
  const { config, examples, firstStep, steps, data, before, after } = request
  const start = performance.now()
  const spec = { config, examples, seed: request.samplingSeed, firstStep, steps }
  const window = windowProgram(spec)
  const commitments = {
    weights: decodeStateCommitment(before.commitment.file).committed,
    next: decodeStateCommitment(after.commitment.file).committed,
    data: decodeDataCommitment(data.commitment.file).committed,
  }
  const shapes = {
    weights: commitments.weights.shape,
    next: commitments.next.shape,
    data: commitments.data.shape,
  }
  const setup = setUp(window.program, shapes)
  const tensors = new WindowTensors(backend, window, {
    before: before.state,
    after: after.state,
    batches: gatherBatches(spec, data.dataset, planNetwork(config).features),
    dataset: data.dataset,
    values: request.values,
  })
  const planned = (performance.now() - start) / 1000
  const statement: TrainingStatement = {
    kind: 'training',
    config,
    examples,
    samplingSeed: bytesToHex(request.samplingSeed),
    firstStep,
    steps,
    data: data.commitment.digest,
    before: before.commitment.digest,
    after: after.commitment.digest,
  }
  const { proof, fields, seconds } = await proveCore({
    setup,
    commitments,
    committed: {
      weights: before.commitment.committed,
      next: after.commitment.committed,
      data: data.commitment.committed,
    },
    statement: statementBytes(statement),
    values: tensor => tensors.values(tensor),
    random: options.random ?? systemRandom,
    backend,
    onStage: options.onStage,
  })
  return {
    file: encodeProof(statement, proof),
    seconds: { plan: planned, ...seconds },
    securityBits: setup.soundness.bits,
    setup,
    fields,
  }
}
