/** Chooses every scale by running the integer model, node by node, on sample tokens. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import { Execution } from '../../graph/execution.ts'
import type { ModelConfig } from '../../import/config.ts'
import { linearAccumulators } from '../../ops/linear/witness.ts'
import { NORM_PRECISION, normConstants } from '../../ops/norm/relation.ts'
import { normAccumulators, normRow } from '../../ops/norm/witness.ts'
import { productAccumulators } from '../../ops/product/witness.ts'
import type { Node } from '../../ops/registry.ts'
import { TABLE_BITS } from '../../ops/table/relation.ts'
import { runNode } from '../../ops/witness.ts'
import { FUNCTIONS } from '../../tables/tables.ts'
import { BLIND_NAME } from '../../proof/commitment.ts'
import { type Calibrator, ModelBuilder, type Unscaled } from './builder.ts'
import type { ModelDescription } from './description.ts'
import { buildModel } from './families.ts'
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
const scaleFor = (max: number, bits: number): number =>
  Math.min(FINEST, Math.floor(bits - 1 - MARGIN - Math.log2(Math.max(max, 1e-9))))

/** Quantised weights, cached over trials: floats are read once. */
export interface WeightCache {
  readonly float: (name: string, shape: readonly number[]) => Float32Array
  readonly ints: Map<string, { scale: number; data: Int16Array }>
}

class Trial implements Calibrator {
  readonly scales: Record<string, number>
  readonly execution: Execution
  /** Largest real summand of the residual stream, and the least rms that a norm sees. */
  residual = 0
  rms = Number.POSITIVE_INFINITY
  readonly #tokens: readonly number[]
  readonly #cache: WeightCache

  constructor(backend: Backend, tokens: readonly number[], cache: WeightCache, residualScale: number) {
    this.#tokens = tokens
    this.#cache = cache
    this.scales = { residual: residualScale }
    this.execution = new Execution(backend, tensor => {
      const found = cache.ints.get(tensor.name)
      if (!found) throw new InputError('weights', `a tensor ${tensor.name}`, 'none')
      return found.data
    })
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
    const count = this.#tokens.length
    switch (node.op) {
      case 'linear': {
        const { spec } = node
        const acc = linearAccumulators(this.execution, { ...spec, scale: 0 }, 0, count)
        const from = spec.x.scale + spec.w.scale
        return Math.min(from, scaleFor(largest(acc) * 2 ** -from, spec.bits))
      }
      case 'norm': {
        const { spec } = node
        const constants = normConstants({ ...spec, scale: 0 })
        const d = spec.x.shape[1] ?? 1
        const input = this.execution.wire(spec.x)
        let max = 0
        for (let t = 0; t < count; t++) {
          const row = normRow(input.subarray(t * d, (t + 1) * d), spec.kind, constants)
          this.rms = Math.min(this.rms, Math.sqrt(Number(row.m) / d) * 2 ** -spec.x.scale)
          const gain = this.execution.weight(spec.gain.tensor)
          const bias = spec.bias ? this.execution.weight(spec.bias.tensor) : undefined
          max = Math.max(max, largest(normAccumulators(row.c, Number(row.inverse), gain, bias, 2 ** constants.biasShift)))
        }
        return scaleFor(max * 2 ** -(NORM_PRECISION + spec.gain.scale), spec.bits)
      }
      case 'product': {
        const { spec } = node
        const from = spec.a.scale + spec.b.scale
        return Math.min(from, scaleFor(largest(productAccumulators(this.execution, spec, 0, count)) * 2 ** -from, spec.bits))
      }
      case 'table': {
        const { kind, x } = node.spec
        const edge = 2 ** (TABLE_BITS - 1 - x.scale)
        const max = Math.max(1e-6, ...[-edge, edge].map(v => Math.abs(FUNCTIONS[kind](v))))
        return Math.min(FINEST, Math.floor(15 - Math.log2(max * 1.0001)))
      }
      case 'attention':
        return this.#scoreScale(node.spec)
    }
  }

  /** The finest units of a score in which the spread of any row fits 16 bits with head room. */
  #scoreScale(spec: Extract<Unscaled, { op: 'attention' }>['spec']): number {
    const q = this.execution.wire(spec.q)
    const k = this.execution.wire(spec.k)
    const [tokens = 1, repeats = 1, groups = 1, dim = 1] = spec.q.shape.slice(spec.rotary ? 1 : 0)
    let spread = 0
    for (let i = 0; i < tokens; i++) {
      for (let r = 0; r < repeats; r++) {
        for (let g = 0; g < groups; g++) {
          let low = Number.POSITIVE_INFINITY
          let high = Number.NEGATIVE_INFINITY
          for (let j = 0; j <= i; j++) {
            let sum = 0
            for (let c = 0; c < (spec.rotary ? 2 : 1); c++) {
              const a = (((c * tokens + i) * repeats + r) * groups + g) * dim
              const b = ((c * tokens + j) * groups + g) * dim
              for (let m = 0; m < dim; m++) sum += (q[a + m] as number) * (k[b + m] as number)
            }
            low = Math.min(low, sum)
            high = Math.max(high, sum)
          }
          spread = Math.max(spread, high - low)
        }
      }
    }
    const from = spec.q.scale + spec.k.scale
    const fits = Math.floor(15 - Math.log2(Math.max(spread * 2 ** -from, 1e-9)))
    return Math.min(from, fits, 12)
  }

  ran(node: Node): void {
    runNode(this.execution, node, 0, this.#tokens.length, this.#tokens)
    const scale = this.scales.residual ?? 0
    if (node.op === 'embed') this.residual = Math.max(this.residual, peak(this.execution.wire(node.out)) * 2 ** -scale)
    if (node.op === 'sum') this.residual = Math.max(this.residual, peak(this.execution.wire(node.b)) * 2 ** -scale)
  }
}

const peak = (values: Int32Array): number => {
  let max = 0
  for (let i = 0; i < values.length; i++) max = Math.max(max, Math.abs(values[i] as number))
  return max
}

const trial = (backend: Backend, config: ModelConfig, tokens: readonly number[], cache: WeightCache, bits: { residualBits: number; activationBits: number }, scale: number): Trial => {
  const t = new Trial(backend, tokens, cache, scale)
  const m = new ModelBuilder(bits, t.scales, t)
  buildModel(m, config, { tokens, first: tokens.length - 1, chosen: [0] })
  return t
}

/** The residual stream needs this many units in the least rms a norm sees. */
const UNITS_PER_RMS = 2 ** 8

/**
 * @param tokens sample text, at most the model's context
 * @throws InputError when the residual stream's range exceeds 20 bits
 */
export const calibrate = (
  backend: Backend,
  config: ModelConfig,
  float: WeightCache['float'],
  tokens: readonly number[],
  activationBits = 16,
): { description: ModelDescription; weights: Map<string, Int16Array> } => {
  const cache: WeightCache = { float, ints: new Map([[BLIND_NAME, { scale: 0, data: new Int16Array(0) }]]) }
  let probe: Trial | undefined
  for (const scale of [10, 6, 2]) {
    try {
      probe = trial(backend, config, tokens, cache, { residualBits: 20, activationBits }, scale)
      break
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      if (scale === 2) throw error
    }
  }
  if (!probe) throw new InputError('model', 'a residual stream within 20 bits', 'a wider one')
  const { residual, rms } = probe
  const options = [16, 20].map(bits => ({ residualBits: bits, scale: Math.min(14, scaleFor(residual, bits)) }))
  const fine = options.find(o => rms * 2 ** o.scale >= UNITS_PER_RMS) ?? (options[1] as (typeof options)[number])
  const final = trial(backend, config, tokens, cache, { residualBits: fine.residualBits, activationBits }, fine.scale)
  const scales = { ...final.scales }
  return {
    description: { config, residualBits: fine.residualBits, activationBits, scales },
    weights: new Map([...cache.ints].map(([name, { data }]) => [name, data])),
  }
}
