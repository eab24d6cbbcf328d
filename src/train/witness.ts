/** From a computed window to the values of its program's tensors. Prover only. */
import type { Backend, Source } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import type { Limbs, Signed } from '../ops/rescale/relation.ts'
import { BLIND_NAME } from '../proof/commitment.ts'
import { countMultiplicities } from '../proof/multiplicities.ts'
import type { Tensor } from '../program/program.ts'
import type { Batches } from './integer/window.ts'
import type { Parameters, State } from './integer/state.ts'
import type { WindowValues } from './integer/values.ts'
import { storeHighLimbs, storeSplit } from './limbs.ts'
import type { StageFrame } from './program/frame.ts'
import type { LossTensors } from './program/loss.ts'
import type { StageState } from './program/state.ts'
import type { WindowProgram } from './program/window.ts'

/** The two states and the data that a window joins, beside what it computed. */
export interface WindowWitness {
  readonly before: State
  readonly after: State
  readonly batches: Batches
  readonly dataset: { readonly pixels: ArrayLike<number>; readonly labels: ArrayLike<number> }
  readonly values: WindowValues
}

/** Values of every tensor of a window's program; multiplicities counted. Those of blind tensors are not among them. */
export class WindowTensors {
  readonly backend: Backend
  readonly #values = new Map<Tensor, Int32Array | Int16Array>()

  constructor(backend: Backend, window: WindowProgram, witness: WindowWitness) {
    this.backend = backend
    this.#values.set(window.pixels, Int32Array.from(witness.batches.pixels))
    const { values } = witness
    window.stages.forEach((frame, l) => {
      this.#stage(frame, values.stages[l] as WindowValues['stages'][number])
      frame.states.forEach((state, t) => {
        if (!state) return
        const last = t === frame.states.length - 1
        const source = t === 0 ? witness.before[l] : last ? witness.after[l] : values.weights?.[t - 1]?.[l]
        if (!source) throw new InternalError(`${frame.stage.name}: no weights before step ${t}`)
        this.#state(state, source)
      })
    })
    this.#loss(window.loss, witness)
    for (const tensor of window.program.data ?? []) {
      if (tensor.name === 'pixels') this.#values.set(tensor, Int16Array.from(witness.dataset.pixels))
      if (tensor.name === 'labels') this.#values.set(tensor, Int16Array.from(witness.dataset.labels))
    }
    storeHighLimbs(
      window.program,
      t => this.values(t) as Int32Array,
      (tensor, value) => void this.#values.set(tensor, value),
    )
    for (const tensor of window.program.multiplicities) this.#values.set(tensor, new Int32Array(size(tensor)))
    countMultiplicities(window.program, this)
  }

  values(tensor: Tensor): Source {
    const found = this.#values.get(tensor)
    if (!found) throw new InternalError(`${tensor.name}: no values`)
    return found
  }

  ints(tensor: Tensor): Int32Array {
    const found = this.values(tensor)
    return found instanceof Int32Array ? found : Int32Array.from(found as Int16Array)
  }

  #limbs(limbs: Limbs, value: ArrayLike<number>): void {
    storeSplit(limbs, value, (tensor, part) => void this.#values.set(tensor, part))
  }

  #signed(signed: Signed, value: Int32Array): void {
    this.#values.set(signed.tensor, value)
  }

  #stage({ input, remainder, hidden, z }: StageFrame, values: WindowValues['stages'][number]): void {
    if (input.gather && values.u) this.#values.set(input.tensor, values.u)
    if (remainder) this.#limbs(remainder, values.remainder)
    if (z && values.z) this.#signed(z, values.z)
    if (!hidden || !values.hidden) return
    this.#values.set(hidden.sign, values.hidden.sign)
    this.#limbs(hidden.magnitude, values.hidden.magnitude)
    this.#values.set(hidden.a, values.hidden.a)
    this.#signed(hidden.g.y, values.hidden.g)
    if (hidden.g.remainder) this.#limbs(hidden.g.remainder, values.hidden.gRemainder)
    this.#values.set(hidden.gz, values.gz)
  }

  #state(tensors: StageState, values: Parameters & { readonly velocity?: Parameters }): void {
    const put = (
      split: StageState['weight'] | undefined,
      hi: Int16Array | undefined,
      lo: Int32Array | undefined,
    ): void => {
      if (!split || !hi || !lo) return
      this.#values.set(split.hi, hi)
      this.#values.set(split.lo, lo)
    }
    const { velocity } = values
    put(tensors.weight, values.hi, values.lo)
    put(tensors.bias, values.biasHi, values.biasLo)
    put(tensors.weightVelocity, velocity?.hi, velocity?.lo)
    put(tensors.biasVelocity, velocity?.biasHi, velocity?.biasLo)
  }

  #loss(loss: LossTensors, { batches, values }: WindowWitness): void {
    const classes = loss.oneHot.shape[2] ?? 1
    const oneHot = new Int32Array(size(loss.oneHot))
    batches.labels.forEach((label, row) => {
      oneHot[row * classes + label] = 1
    })
    this.#values.set(loss.oneHot, oneHot)
    const own = values.softmax
    if (!loss.softmax || !own) return
    const { max, count, d, e, peak, p, rem, cap } = loss.softmax
    const peaks = Int32Array.from(own.d, x => (x === 0 ? 1 : 0))
    const counts = Int32Array.from(own.max, (_, row) =>
      peaks.subarray(row * classes, (row + 1) * classes).reduce((s, x) => s + x, -1),
    )
    this.#values.set(max, own.max)
    this.#limbs(count, counts)
    this.#values.set(d, own.d)
    this.#values.set(e, own.e)
    this.#values.set(peak, peaks)
    this.#limbs(p, own.p)
    this.#limbs(rem, own.rem)
    this.#limbs(
      cap,
      Float64Array.from(own.rem, (r, i) => 2 * (own.sum[Math.floor(i / classes)] as number) - 1 - r),
    )
  }
}

const size = (tensor: Tensor): number => tensor.shape.reduce((a, b) => a * b, 1)

/** Tensors that only a commitment fills. */
export const isBlind = (tensor: Tensor): boolean => tensor.name === BLIND_NAME
