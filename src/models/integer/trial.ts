/** A run of the integer model, node by node, on sample tokens: every scale is chosen when its operands are known. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import { Execution } from '../../graph/execution.ts'
import { score } from '../../ops/attention/witness.ts'
import { linearAccumulators } from '../../ops/linear/witness.ts'
import { productAccumulators } from '../../ops/product/witness.ts'
import type { Node } from '../../ops/registry.ts'
import { TABLE_BITS } from '../../ops/table/relation.ts'
import { runNode } from '../../ops/witness.ts'
import type { Tensor } from '../../program/program.ts'
import { FUNCTIONS } from '../../tables/tables.ts'
import type { Calibrator, Unscaled } from './builder.ts'
import { quantise, weightScale } from './weights.ts'

/** Head room above the largest value seen, in bits. */
const MARGIN = 2
/** Finest scale of any activation. */
const FINEST = 20

const largest = (values: Float64Array): number => {
  let max = 0
  for (let i = 0; i < values.length; i++) max = Math.max(max, Math.abs(values[i] as number))
  return max
}

/** Scale at which `max` (a real value) leaves MARGIN bits of `bits`. */
export const scaleFor = (max: number, bits: number): number =>
  Math.min(FINEST, Math.floor(bits - 1 - MARGIN - Math.log2(Math.max(max, 1e-9))))

/** Quantised weights, cached over trials: floats are read once. */
export interface WeightCache {
  readonly float: (name: string, shape: readonly number[]) => Float32Array
  readonly ints: Map<string, { scale: number; data: Int16Array }>
}

type SpecOf<O extends Unscaled['op']> = Extract<Unscaled, { op: O }>['spec']

/** The largest difference of two scores q_i k_j, j <= i, in one row, in units of the accumulator. */
const scoreSpread = (x: Execution, spec: SpecOf<'attention'>): number => {
  const q = x.wire(spec.q)
  const k = x.wire(spec.k)
  const [tokens = 1, repeats = 1, groups = 1, dim = 1] = spec.q.shape.slice(spec.rotary ? 1 : 0)
  const d = { tokens, repeats, groups, dim, halves: spec.rotary ? 2 : 1 }
  let spread = 0
  for (let i = 0; i < tokens; i++) {
    for (let r = 0; r < repeats; r++) {
      for (let g = 0; g < groups; g++) {
        let low = Number.POSITIVE_INFINITY
        let high = Number.NEGATIVE_INFINITY
        for (let j = 0; j <= i; j++) {
          const value = score(q, k, d, i, j, g, r)
          low = Math.min(low, value)
          high = Math.max(high, value)
        }
        spread = Math.max(spread, high - low)
      }
    }
  }
  return spread
}

/** A row less its mean (layer norms only), and the root of its mean square; a row of zeros has that of one unit. */
const centre = (row: Int32Array, kind: 'rms' | 'layer'): { c: Float64Array; rms: number } => {
  const mean = kind === 'layer' ? row.reduce((s, v) => s + v, 0) / row.length : 0
  const c = Float64Array.from(row, v => v - mean)
  return { c, rms: Math.max(1, Math.sqrt(c.reduce((s, v) => s + v * v, 0) / row.length)) }
}

/** One run of all windows in step: every scale is chosen for the largest value that any of them shows. */
export class Trial implements Calibrator {
  readonly scales: Record<string, number>
  /** Largest real summand of the residual stream, and the least rms that a norm sees. */
  residual = 0
  rms = Number.POSITIVE_INFINITY
  readonly #windows: readonly { readonly tokens: readonly number[]; readonly execution: Execution }[]
  readonly #cache: WeightCache

  constructor(
    backend: Backend,
    windows: readonly (readonly number[])[],
    cache: WeightCache,
    residualScale: number,
  ) {
    const weight = (tensor: Tensor): Int16Array => {
      const found = cache.ints.get(tensor.name)
      if (!found) throw new InputError('weights', `a tensor ${tensor.name}`, 'none')
      return found.data
    }
    this.#windows = windows.map(tokens => ({ tokens, execution: new Execution(backend, weight) }))
    this.#cache = cache
    this.scales = { residual: residualScale }
  }

  /** The largest of a quantity over the windows. */
  #most(measure: (x: Execution, count: number) => number): number {
    return this.#windows.reduce(
      (most, { tokens, execution }) => Math.max(most, measure(execution, tokens.length)),
      0,
    )
  }

  weight(name: string, shape: readonly number[], most: number): number {
    const known = this.#cache.ints.get(name)
    if (known && known.scale <= most) {
      this.scales[name] = known.scale
      return known.scale
    }
    const data = this.#cache.float(name, shape)
    const scale = weightScale(data, most)
    this.#cache.ints.set(name, { scale, data: quantise(data, scale) })
    this.scales[name] = scale
    return scale
  }

  output(node: Unscaled): number {
    const scale = this.#choose(node)
    this.scales[node.spec.name] = scale
    return scale
  }

  #choose(node: Unscaled): number {
    switch (node.op) {
      case 'linear': {
        const { spec } = node
        const from = spec.x.scale + spec.w.scale
        const max = this.#most((x, count) => largest(linearAccumulators(x, { ...spec, scale: 0 }, 0, count)))
        return Math.min(from, scaleFor(max * 2 ** -from, spec.bits))
      }
      case 'norm':
        return scaleFor(
          this.#most((x, count) => this.#normPeak(node.spec, x, count)),
          node.spec.bits,
        )
      case 'product': {
        const { spec } = node
        const from = spec.a.scale + spec.b.scale
        const max = this.#most((x, count) => largest(productAccumulators(x, spec, 0, count)))
        return Math.min(from, scaleFor(max * 2 ** -from, spec.bits))
      }
      case 'table': {
        const { kind, x } = node.spec
        const edge = 2 ** (TABLE_BITS - 1 - x.scale)
        const max = Math.max(1e-6, ...[-edge, edge].map(v => Math.abs(FUNCTIONS[kind](v))))
        return Math.min(FINEST, Math.floor(15 - Math.log2(max * 1.0001)))
      }
      case 'attention': {
        // The finest units in which the spread of any row fits 16 bits; rounding down leaves the head room.
        const from = node.spec.q.scale + node.spec.k.scale
        const spread = this.#most(x => scoreSpread(x, node.spec)) * 2 ** -from
        return Math.min(from, Math.floor(15 - Math.log2(Math.max(spread, 1e-9))), 12)
      }
    }
  }

  /** The largest real output of a norm; notes the least rms on the way. */
  #normPeak(spec: SpecOf<'norm'>, x: Execution, count: number): number {
    const d = spec.x.shape[1] ?? 1
    const input = x.wire(spec.x)
    const gain = x.weight(spec.gain.tensor)
    const bias = spec.bias ? x.weight(spec.bias.tensor) : undefined
    const units = { gain: 2 ** -spec.gain.scale, bias: 2 ** -(spec.bias?.scale ?? 0) }
    let max = 0
    for (let t = 0; t < count; t++) {
      const { c, rms } = centre(input.subarray(t * d, (t + 1) * d), spec.kind)
      this.rms = Math.min(this.rms, rms * 2 ** -spec.x.scale)
      for (let i = 0; i < d; i++) {
        const shifted = bias ? (bias[i] as number) * units.bias : 0
        max = Math.max(max, Math.abs(((c[i] as number) / rms) * (gain[i] as number) * units.gain + shifted))
      }
    }
    return max
  }

  ran(node: Node): void {
    for (const { tokens, execution } of this.#windows) runNode(execution, node, 0, tokens.length, tokens)
    const summand = node.op === 'embed' ? node.out : node.op === 'sum' ? node.b : undefined
    if (!summand) return
    const unit = 2 ** -(this.scales.residual ?? 0)
    this.residual = Math.max(this.residual, this.#most(x => peak(x.wire(summand))) * unit)
    // Keeps one block in memory, not all.
    if (node.op === 'sum') for (const { execution } of this.#windows) execution.forget()
  }
}

const peak = (values: Int32Array): number => {
  let max = 0
  for (let i = 0; i < values.length; i++) max = Math.max(max, Math.abs(values[i] as number))
  return max
}
