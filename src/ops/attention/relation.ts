/**
 * zkAttn: softmax(q k^T / sqrt(d) + causal mask) v, every step pinned (spec/operators.md):
 *   S1 z = rescale(q k^T), on every pair (i, j)
 *   S2 t = max_i - z where j <= i; t = SENTINEL where j > i
 *   S3 (t, e, [t = 0]) in the exponential table, with e = 0 at the sentinel
 *   S4 every row attains its maximum: sum_j [t = 0] >= 1
 *   S5 q = floor((2 sum_j e v + S) / (2 S)), S = sum_j e: the remainder is in [0, 2 S)
 * Grouped queries: keys and values lack the repeat axis r.
 */
import type { PublicTensor, Tensor } from '../../program/program.ts'
import {
  checkAccumulator,
  entries,
  entry,
  type ProgramBuilder,
  ramp,
  type Wire,
  wireOf,
} from '../../graph/graph.ts'
import { expTable } from '../../tables/tables.ts'
import {
  type Limbs,
  limbEntries,
  limbs,
  type Rescaled,
  rescaled,
  rescaleRelation,
  type Signed,
  signed,
} from '../rescale/relation.ts'

export const EXP_SCALE = 16
export const SENTINEL = 65535

export interface AttentionSpec {
  readonly name: string
  readonly group: string
  /** [2?, tokens, repeats, groups, dim] */
  readonly q: Wire
  /** [2?, tokens, groups, dim] */
  readonly k: Wire
  /** [tokens, groups, headDim] */
  readonly v: Wire
  readonly rotary: boolean
  /** 1 on pairs (i, j) with j <= i, and its complement within the square. */
  readonly seen: PublicTensor
  readonly hidden: PublicTensor
  /** log2 of the units per 1.0 of a score (after the division by sqrt(headDim)). */
  readonly scoreScale: number
  readonly headDim: number
}

export interface AttentionNode extends AttentionSpec {
  readonly op: 'attention'
  readonly table: number
  readonly exponentials: Int32Array
  readonly z: Rescaled
  readonly max: Signed
  readonly t: Tensor
  readonly e: Tensor
  readonly peak: Tensor
  readonly count: Limbs
  readonly y: Signed
  readonly rem: Limbs
  readonly cap: Limbs
  readonly out: Wire
}

const MAX_BITS = 28

/** Units of z per 1.0 of q.k: z carries the accumulator's own scale less the shift. */
export const attentionShift = (spec: Pick<AttentionSpec, 'q' | 'k' | 'scoreScale'>): number =>
  spec.q.scale + spec.k.scale - spec.scoreScale

/** One unit of t in real terms: 2^-scoreScale / sqrt(headDim). */
export const decay = (spec: Pick<AttentionSpec, 'scoreScale' | 'headDim'>): number =>
  2 ** -spec.scoreScale / Math.sqrt(spec.headDim)

const exponentials = (unit: number): Int32Array => {
  const table = expTable(16, unit, EXP_SCALE)
  table[SENTINEL] = 0
  return table
}

export const attention = (b: ProgramBuilder, spec: AttentionSpec): AttentionNode => {
  const { name, group } = spec
  const [tokens, repeats, groups] = spec.rotary
    ? (spec.q.shape.slice(1, 4) as [number, number, number])
    : (spec.q.shape.slice(0, 3) as [number, number, number])
  const dim = spec.q.shape.at(-1) ?? 1
  const sizes = { c: 2, tok: tokens, key: tokens, g: groups, r: repeats, k: dim, h: spec.headDim }
  const c = spec.rotary ? ['c'] : []
  const pair = ['tok', 'r', 'g', 'key']
  const square = [tokens, repeats, groups, tokens]
  const score = spec.headDim * spec.q.bound * spec.k.bound
  const z = rescaled(b, {
    name: `${name}.z`,
    group,
    shape: square,
    shift: attentionShift(spec),
    bits: MAX_BITS,
    scale: spec.scoreScale,
    bound: score,
    covered: true,
  })
  rescaleRelation(
    b,
    { name: `${name}:S1 scores`, group: `${group}:S1 scores`, sizes, out: pair, axes: pair },
    z,
    {
      products: [
        {
          coef: 1n,
          factors: [
            { kind: 'tensor', entries: entries(spec.q, [...c, 'tok', 'r', 'g', 'k']) },
            { kind: 'tensor', entries: entries(spec.k, [...c, 'key', 'g', 'k']) },
          ],
        },
      ],
    },
  )
  const rows = [tokens, repeats, groups]
  const row = ['tok', 'r', 'g']
  const max = signed(b, `${name}.max`, rows, MAX_BITS)
  const t = b.tensor(`${name}.t`, square)
  const seen = { kind: 'public', tensor: spec.seen, axes: ['tok', 'key'] } as const
  b.relate({
    name: `${name}:S2 shift`,
    group: `${group}:S2 shift`,
    sizes,
    out: pair,
    linear: [entry(t, pair, -1n)],
    publics: [{ coef: BigInt(SENTINEL), tensor: spec.hidden, axes: ['tok', 'key'], pins: {} }],
    products: [
      { coef: 1n, factors: [{ kind: 'tensor', entries: [entry(max.tensor, row)] }, seen] },
      { coef: -1n, factors: [{ kind: 'tensor', entries: [entry(z.y.tensor, pair)] }, seen] },
    ],
  })
  const unit = decay(spec)
  const values = exponentials(unit)
  const table = b.table(`exp ${unit}`, () => ({
    bits: 16,
    width: 3,
    columns: [
      ramp(0, 65536),
      values,
      new Int32Array(65536).fill(1, 0, 1),
    ],
  }))
  const e = b.tensor(`${name}.exp`, square)
  const peak = b.tensor(`${name}.peak`, square)
  b.lookup({
    name: `${name}:S3 exponential`,
    table,
    shape: square,
    columns: [t, e, peak].map(tensor => ({ offset: 0n, entries: [{ coef: 1n, tensor }] })),
  })
  const count = limbs(b, `${name}.count`, rows, Math.max(1, Math.ceil(Math.log2(tokens + 1))))
  b.relate({
    name: `${name}:S4 maximum`,
    group: `${group}:S4 maximum`,
    sizes,
    out: row,
    linear: [entry(peak, pair), ...limbEntries(count, row, -1n)],
    constants: [{ value: -1n, pins: {} }],
  })
  const mixed = ['tok', 'r', 'g', 'h']
  const shape = [tokens, repeats, groups, spec.headDim]
  const bits = Math.ceil(Math.log2(spec.v.bound)) + 1
  const y = signed(b, `${name}.out`, shape, bits)
  const width = EXP_SCALE + 1 + Math.ceil(Math.log2(tokens)) + 1
  checkAccumulator(name, 2 ** (width + bits))
  const rem = limbs(b, `${name}.rem`, shape, width)
  const cap = limbs(b, `${name}.cap`, shape, width)
  const weights = { kind: 'tensor', entries: [entry(e, pair)] } as const
  b.relate({
    name: `${name}:S5 divide`,
    group: `${group}:S5 divide`,
    sizes,
    out: mixed,
    linear: [entry(e, pair), ...limbEntries(rem, mixed, -1n)],
    products: [
      { coef: 2n, factors: [weights, { kind: 'tensor', entries: entries(spec.v, ['key', 'g', 'h']) }] },
      { coef: -2n, factors: [weights, { kind: 'tensor', entries: [entry(y.tensor, mixed)] }] },
    ],
  })
  b.relate({
    name: `${name}:S5 remainder`,
    group: `${group}:S5 remainder`,
    sizes,
    out: mixed,
    linear: [entry(e, pair, 2n), ...limbEntries(rem, mixed, -1n), ...limbEntries(cap, mixed, -1n)],
    constants: [{ value: -1n, pins: {} }],
  })
  return {
    ...spec,
    op: 'attention',
    table,
    exponentials: values,
    z,
    max,
    t,
    e,
    peak,
    count,
    y,
    rem,
    cap,
    out: wireOf(y.tensor, spec.v.scale, spec.v.bound),
  }
}
