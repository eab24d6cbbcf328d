/**
 * rescale: y = floor((acc + 2^(s-1)) / 2^s), pinned by acc + 2^(s-1) = 2^s y + r with r in [0, 2^s) and y in its
 * range, both by lookup (spec/operators.md). Limbs have at most 16 bits.
 */
import type { AxisRef, Constant, Entry, Pins, Product, PublicTerm, Tensor } from '../../program/program.ts'
import { InputError } from '../../errors.ts'
import { checkAccumulator, entry, type ProgramBuilder, type Wire, wireOf } from '../../graph/graph.ts'

/** A value in [0, 2^bits) as committed limbs of 16 bits, least significant first. */
export interface Limbs {
  readonly tensors: readonly Tensor[]
  readonly bits: number
}

export const limbs = (b: ProgramBuilder, name: string, shape: readonly number[], bits: number): Limbs => {
  const tensors: Tensor[] = []
  for (let low = 0; low < bits; low += 16) {
    const tensor = b.tensor(`${name}.${low / 16}`, shape)
    tensors.push(tensor)
    const table = b.rangeTable(Math.min(16, bits - low))
    b.lookup({ name: tensor.name, table, shape, columns: [{ offset: 0n, entries: [{ coef: 1n, tensor }] }] })
  }
  return { tensors, bits }
}

export const limbEntries = (value: Limbs, axes: readonly AxisRef[], coef = 1n, pins: Pins = {}): Entry[] =>
  value.tensors.map((tensor, k) => entry(tensor, axes, coef << BigInt(16 * k), pins))

/** A committed integer in [-2^(bits-1), 2^(bits-1)); beyond 16 bits its high limb is committed beside it. */
export interface Signed {
  readonly tensor: Tensor
  readonly bits: number
  readonly high: Tensor | undefined
}

export const signed = (b: ProgramBuilder, name: string, shape: readonly number[], bits: number): Signed =>
  signedTensor(b, b.tensor(name, shape), bits)

/** Lookups that bound a tensor committed elsewhere. */
export const signedTensor = (b: ProgramBuilder, tensor: Tensor, bits: number): Signed => {
  const { name, shape } = tensor
  const offset = 1n << BigInt(bits - 1)
  if (bits <= 16) {
    b.lookup({
      name,
      table: b.rangeTable(bits),
      shape,
      columns: [{ offset, entries: [{ coef: 1n, tensor }] }],
    })
    return { tensor, bits, high: undefined }
  }
  const high = b.tensor(`${name}.high`, shape)
  b.lookup({
    name: high.name,
    table: b.rangeTable(bits - 16),
    shape,
    columns: [{ offset: 0n, entries: [{ coef: 1n, tensor: high }] }],
  })
  b.lookup({
    name,
    table: b.rangeTable(16),
    shape,
    columns: [
      {
        offset,
        entries: [
          { coef: 1n, tensor },
          { coef: -65536n, tensor: high },
        ],
      },
    ],
  })
  return { tensor, bits, high }
}

/** What an accumulator is made of, over named axes. */
export interface Accumulator {
  readonly linear?: readonly Entry[]
  readonly products?: readonly Product[]
  readonly constants?: readonly Constant[]
  readonly publics?: readonly PublicTerm[]
}

export interface Rescaled {
  readonly shift: number
  readonly y: Signed
  /** Absent when the shift is 0. */
  readonly remainder: Limbs | undefined
  readonly out: Wire
}

export interface RescaleSpec {
  readonly name: string
  readonly group: string
  readonly shape: readonly number[]
  readonly shift: number
  readonly bits: number
  readonly scale: number
  /** |acc| <= bound. */
  readonly bound: number
  /** If set, y needs no range lookup of its own: another lookup (a table) covers it. */
  readonly covered?: boolean
}

const MAX_RESCALE_BITS = 62
/** Bits to which the lookup of an activation table pins its input. */
const COVER_BITS = 16

/** @throws InputError when a bias would be finer than the accumulator that it is added to */
export const checkShift = (node: string, shift: number): void => {
  if (!(Number.isInteger(shift) && shift >= 0)) {
    throw new InputError(node, "a scale at most the accumulator's", `one ${-shift} bits finer`)
  }
}

/**
 * The committed tensors of a rescale.
 * @throws InputError naming the node whose scales do not fit
 */
export const rescaled = (b: ProgramBuilder, spec: RescaleSpec): Rescaled => {
  checkAccumulator(spec.name, spec.bound + 2 ** spec.shift)
  // 2^s y + r must not wrap around the field: y and r would not be unique. A covered y is proven to the bits of its
  // table only, whatever the node's own.
  const bits = spec.covered ? Math.max(spec.bits, COVER_BITS) : spec.bits
  if (spec.shift < 0 || spec.shift + bits > MAX_RESCALE_BITS) {
    throw new InputError(
      spec.name,
      `a shift from 0 to ${MAX_RESCALE_BITS - bits} for ${bits} bits`,
      `${spec.shift}`,
    )
  }
  const y: Signed = spec.covered
    ? { tensor: b.tensor(spec.name, spec.shape), bits: spec.bits, high: undefined }
    : signed(b, spec.name, spec.shape, spec.bits)
  const remainder = spec.shift > 0 ? limbs(b, `${spec.name}.r`, spec.shape, spec.shift) : undefined
  return { shift: spec.shift, y, remainder, out: wireOf(y.tensor, spec.scale, 2 ** (bits - 1)) }
}

/** The identity acc + 2^(s-1) - 2^s y - r = 0, over the axes `out` that the output's axes `axes` name. */
export const rescaleRelation = (
  b: ProgramBuilder,
  at: {
    name: string
    group: string
    sizes: Record<string, number>
    out: readonly string[]
    axes: readonly AxisRef[]
  },
  value: Rescaled,
  acc: Accumulator,
): void => {
  const s = BigInt(value.shift)
  b.relate({
    name: at.name,
    group: at.group,
    sizes: at.sizes,
    out: at.out,
    linear: [
      ...(acc.linear ?? []),
      entry(value.y.tensor, at.axes, -(1n << s)),
      ...(value.remainder ? limbEntries(value.remainder, at.axes, -1n) : []),
    ],
    constants: [...(acc.constants ?? []), ...(value.shift > 0 ? [{ value: 1n << (s - 1n), pins: {} }] : [])],
    publics: acc.publics ?? [],
    products: acc.products ?? [],
  })
}
