/**
 * Malicious trainers: each replaces one thing in the integer training, computes everything behind it honestly, and
 * commits to what comes out. Tests only.
 */
import type { Backend } from '../../backend/backend.ts'
import { shapeBeside } from '../../commit/geometry.ts'
import type { Execution } from '../../graph/execution.ts'
import type { Limbs } from '../../ops/rescale/relation.ts'
import { layoutTensors } from '../../program/layout.ts'
import type { StoredName, Tensor } from '../../program/program.ts'
import { BLIND_ENTRIES, type WeightsCommitment } from '../../proof/commitment.ts'
import { rebalance } from '../../proof/corruptions.ts'
import { digestOf, encodeProof, statementBytes } from '../../proof/files.ts'
import { countMultiplicities } from '../../proof/multiplicities.ts'
import { proveCore } from '../../proof/prove-core.ts'
import { setUp } from '../../proof/setup.ts'
import { seededRandom } from '../../proof/testing.ts'
import { commitWeights, drawBlind, drawTail, weightsStack } from '../../proof/weights.ts'
import type { TrainingConfig } from '../config.ts'
import type { Dataset } from '../data/dataset.ts'
import { encodeDataCommitment, encodeStateCommitment, decodeDataCommitment } from '../files.ts'
import type { WindowFixture } from '../fixture.ts'
import { swapped } from '../integer/gather.ts'
import { byUnit, StageKernels, type Weights } from '../integer/stage.ts'
import type { State } from '../integer/state.ts'
import type { Rescaled } from '../integer/wide.ts'
import { type Batches, runWindow } from '../integer/window.ts'
import type { Network, Stage } from '../network.ts'
import { commitData } from '../prove.ts'
import type { Link } from '../verify.ts'
import { isBlind, WindowTensors } from '../witness.ts'

/** What stands in for a stage's kernels at stage l and step t; each may change its last argument or return another. */
export interface Kernels {
  /** Of the gathered input u [B, P, C, K]. */
  readonly gather?: (l: number, t: number, u: Int32Array) => void
  /** Of what the forward pass and the update read; `read` holds what the stages before were given at this step. */
  readonly input?: (l: number, t: number, u: Int32Array, read: readonly Int32Array[]) => Int32Array
  readonly forwardWeights?: (l: number, t: number, w: Weights) => Weights
  readonly forward?: (l: number, t: number, z: Rescaled) => Rescaled
  readonly backwardWeights?: (l: number, t: number, w: Float64Array) => Float64Array
  readonly backward?: (l: number, t: number, g: Rescaled) => Rescaled
  /** Of gz [O, B P], from g in the same order where a ReLU lies between. */
  readonly gz?: (
    l: number,
    t: number,
    gz: Int32Array,
    g: Int32Array,
    read: readonly Int32Array[],
  ) => Int32Array
}

/** A training in which kernels are replaced; also the gz of each stage and step that then differs from the trainer's. */
const withKernels = <T>(
  { stages }: Network,
  kernels: Kernels,
  act: () => T,
): { out: T; gz: { l: number; t: number; values: Int32Array }[] } => {
  const own = StageKernels.prototype
  const saved = { gather: own.gather, forward: own.forward, backward: own.backward }
  const savedUpdates = { addGradient: own.addGradient, addBiasGradient: own.addBiasGradient }
  const depth = stages.length
  const gathering = stages.filter(s => s.gather)
  /** The kernels run in a fixed order: up through the stages, then down. */
  const counter = (order: readonly Stage[]) => {
    let n = 0
    return () => {
      const at = { l: order[n % order.length]?.index as number, t: Math.floor(n / order.length) }
      n++
      return at
    }
  }
  const down = [...stages].reverse()
  const next = {
    gather: counter(gathering),
    forward: counter(stages),
    backward: counter(down.slice(0, depth - 1)),
    addGradient: counter(down),
    addBiasGradient: counter(down),
  }
  const read: Int32Array[] = []
  const g: Int32Array[] = []
  const changed: { l: number; t: number; values: Int32Array }[] = []
  const gzOf = (l: number, t: number, gz: Int32Array): Int32Array =>
    kernels.gz?.(l, t, gz, g[l] ?? gz, read) ?? gz
  own.gather = function (a, u) {
    saved.gather.call(this, a, u)
    const { l, t } = next.gather()
    kernels.gather?.(l, t, u)
  }
  own.forward = function (u, w, shift, batch) {
    const { l, t } = next.forward()
    read[l] = kernels.input?.(l, t, u, read) ?? u
    const weights = kernels.forwardWeights?.(l, t, w) ?? w
    const z = saved.forward.call(this, read[l], weights, shift, batch)
    return kernels.forward?.(l, t, z) ?? z
  }
  own.backward = function (gz, weights, batch) {
    const { l, t } = next.backward()
    const used = kernels.backwardWeights?.(l, t, weights) ?? weights
    const honest = saved.backward.call(this, gzOf(l, t, gz), used, batch)
    const out = kernels.backward?.(l, t, honest) ?? honest
    const { units, positions } = stages[l - 1] as Stage
    g[l - 1] = byUnit(Int32Array.from(out.value), units, positions)
    return out
  }
  own.addGradient = function (out, factor, gz, u, batch) {
    const { l, t } = next.addGradient()
    const used = gzOf(l, t, gz)
    if (used !== gz) {
      const { units, positions } = stages[l] as Stage
      changed.push({ l, t, values: swapped(used, units, batch, positions) })
    }
    savedUpdates.addGradient.call(this, out, factor, used, read[l] ?? u, batch)
  }
  own.addBiasGradient = function (out, factor, gz) {
    const { l, t } = next.addBiasGradient()
    savedUpdates.addBiasGradient.call(this, out, factor, gzOf(l, t, gz))
  }
  try {
    return { out: act(), gz: changed }
  } finally {
    Object.assign(own, saved, savedUpdates)
  }
}

export interface Cheat {
  /** What the trainer uses in place of the public description, the committed state, and the batches. */
  readonly config?: TrainingConfig
  readonly before?: State
  readonly batches?: Batches
  readonly kernels?: Kernels
  /** What is committed to: another state behind the window, a data set. */
  readonly after?: (next: State) => State
  readonly dataset?: { readonly pixels: ArrayLike<number>; readonly labels: ArrayLike<number> }
  /** Other values of single tensors. */
  readonly edit?: (x: Forged) => void
}

/** Values of all tensors of a window's program, each to be overwritten. */
export class Forged {
  readonly fixture: WindowFixture
  readonly #values = new Map<Tensor, Int32Array | BigInt64Array>()

  constructor(fixture: WindowFixture, tensors: WindowTensors) {
    this.fixture = fixture
    const { program } = fixture.window
    for (const list of [program.weights, program.next ?? [], program.data ?? [], program.witness]) {
      for (const tensor of list) {
        const values = isBlind(tensor) ? new Int32Array(BLIND_ENTRIES) : tensors.values(tensor)
        this.#values.set(tensor, Int32Array.from(values as Int32Array))
      }
    }
  }

  values(tensor: Tensor): Int32Array | BigInt64Array {
    return this.#values.get(tensor) as Int32Array
  }

  ints(tensor: Tensor | undefined): Int32Array {
    return this.#values.get(tensor as Tensor) as Int32Array
  }

  /** Field elements beyond 32 bits. */
  put(tensor: Tensor, values: BigInt64Array): void {
    this.#values.set(tensor, values)
  }

  /** One value; the last limb takes what remains, in its range or not. */
  limbs({ tensors }: Limbs, index: number, value: number): void {
    let rest = value
    tensors.forEach((tensor, k) => {
      const high = k + 1 < tensors.length ? Math.floor(rest / 65536) : 0
      this.ints(tensor)[index] = rest - high * 65536
      rest = high
    })
  }
}

/** Counts what no table holds as nothing. */
const lenient = (backend: Backend): Backend =>
  new Proxy(backend, {
    get: (target, property) => {
      if (property === 'histogram') return () => {}
      const value = target[property as keyof Backend]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** @param strict refuse as the honest prover does where a value lies outside its table */
export const forge = (backend: Backend, fixture: WindowFixture, cheat: Cheat, strict = false): Forged => {
  const { spec, window, before, batches, dataset } = fixture
  const { network } = window
  const trained = withKernels(network, cheat.kernels ?? {}, () => {
    const config = cheat.config ?? spec.config
    const state = cheat.before ?? before
    const { firstStep, steps } = spec
    const options = { weights: true }
    return runWindow(backend, config, network, state, cheat.batches ?? batches, firstStep, steps, options)
  })
  const { next, values } = trained.out
  for (const { l, t, values: gz } of trained.gz) values.stages[l]?.gz.set(gz, t * gz.length)
  const tensors = new WindowTensors(strict ? backend : lenient(backend), window, {
    before: cheat.before ?? before,
    after: cheat.after?.(next) ?? next,
    batches: cheat.batches ?? batches,
    dataset: cheat.dataset ?? dataset,
    values,
  })
  const out = new Forged(fixture, tensors)
  cheat.edit?.(out)
  if (strict) countMultiplicities(window.program, { backend, ints: t => out.ints(t) })
  else rebalance(window.program, out as unknown as Execution)
  return out
}

/** Commits to a forged window and proves it with the real prover. */
export const proveForged = async (backend: Backend, x: Forged): Promise<Link> => {
  const { spec, window, dataset } = x.fixture
  const { config, examples, firstStep, steps } = spec
  const { program } = window
  const random = seededRandom(31)
  const set = { ...config.input, classes: config.classes, ...dataset } as unknown as Dataset
  const { shape } = decodeDataCommitment(
    commitData(backend, config, set, new Uint8Array(32), 4).file,
  ).committed
  const commit = (name: StoredName) => {
    const tensors = program[name] ?? []
    for (const tensor of tensors) if (isBlind(tensor)) x.ints(tensor).set(drawBlind(random))
    const layout = layoutTensors(tensors)
    const own = name === 'data' ? shape : shapeBeside(shape, { length: layout.length, openings: 4 })
    const stack = weightsStack(tensors, layout, t => x.ints(t))
    return commitWeights(backend, own, tensors, layout, stack, drawTail(own, random))
  }
  const made = { weights: commit('weights'), next: commit('next'), data: commit('data') }
  const file = (committed: WeightsCommitment): Uint8Array => encodeStateCommitment({ config, committed })
  const before = file(made.weights.commitment)
  const after = file(made.next.commitment)
  const data = encodeDataCommitment({ input: config.input, examples, committed: made.data.commitment })
  const samplingSeed = Buffer.from(spec.seed).toString('hex')
  const digests = { data: digestOf(data), before: digestOf(before), after: digestOf(after) }
  const statement = { kind: 'training', config, examples, samplingSeed, firstStep, steps, ...digests }
  const commitments = {
    weights: made.weights.commitment,
    next: made.next.commitment,
    data: made.data.commitment,
  }
  const { proof } = await proveCore({
    setup: setUp(program, { weights: commitments.weights.shape, next: commitments.next.shape, data: shape }),
    commitments,
    committed: {
      weights: made.weights.committed,
      next: made.next.committed,
      data: made.data.committed,
    },
    statement: statementBytes(statement),
    values: tensor => x.values(tensor) as Int32Array,
    random,
    backend,
  })
  const run = { config, examples, samplingSeed, steps: firstStep + steps }
  return { run, data, before, after, proof: encodeProof(statement, proof) }
}
