/**
 * The relations as they are meant, without any protocol: every identity at every index, every looked-up tuple against
 * its table, every multiplicity counted. Slow and plain; what prover and verifier are tested against.
 */
import { P } from '../field/goldilocks.ts'
import type { Entry, Factor, Lookup, Pins, Program, PublicTensor, Relation, Table, Tensor } from './program.ts'

/** Dense row-major integers of a committed tensor. */
export type Integers = (tensor: Tensor) => ArrayLike<number | bigint>
type Index = Readonly<Record<string, number>>

const offsetOf = (shape: readonly number[], at: readonly number[]): number =>
  shape.reduce((offset, size, a) => offset * size + (at[a] ?? 0), 0)

const pinned = (pins: Pins, index: Index): boolean => Object.entries(pins).every(([axis, at]) => index[axis] === at)

/** The integers of [0, sizes[axis]) along each axis, one index at a time. */
function* indices(axes: readonly string[], sizes: Index, base: Index = {}): Generator<Index> {
  const [axis, ...rest] = axes
  if (axis === undefined) {
    yield base
    return
  }
  for (let i = 0; i < (sizes[axis] ?? 1); i++) yield* indices(rest, sizes, { ...base, [axis]: i })
}

const entryAt = (entry: Entry, index: Index, integers: Integers): bigint => {
  if (!pinned(entry.pins, index)) return 0n
  const at = entry.axes.map(ref => (typeof ref === 'string' ? (index[ref] ?? 0) : ref.at))
  return entry.coef * BigInt(integers(entry.tensor)[offsetOf(entry.tensor.shape, at)] ?? 0)
}

const publicAt = (tensor: PublicTensor, axes: readonly string[], index: Index): bigint =>
  BigInt(tensor.values()[offsetOf(tensor.shape, axes.map(a => index[a] ?? 0))] ?? 0)

const namedAxes = (entry: Entry): string[] => entry.axes.filter((a): a is string => typeof a === 'string')
const factorAxes = (factor: Factor): string[] =>
  factor.kind === 'public'
    ? [...factor.axes]
    : [...factor.entries.flatMap(e => [...namedAxes(e), ...Object.keys(e.pins)]), ...(factor.mix ? [factor.mix.to] : [])]

const factorAt = (factor: Factor, index: Index, integers: Integers): bigint => {
  if (factor.kind === 'public') return publicAt(factor.tensor, factor.axes, index)
  const value = factor.entries.reduce((s, e) => s + entryAt(e, index, integers), 0n)
  return factor.mix ? value * publicAt(factor.mix.matrix, [factor.mix.from, factor.mix.to], index) : value
}

/** The left side of a relation at one index of its `out` axes. */
const relationAt = (relation: Relation, index: Index, integers: Integers): bigint => {
  const { sizes, out } = relation
  const summed = (axes: readonly string[]): string[] => [...new Set(axes)].filter(a => !out.includes(a))
  let total = 0n
  for (const entry of relation.linear) {
    for (const at of indices(summed(namedAxes(entry)), sizes, index)) total += entryAt(entry, at, integers)
  }
  for (const { value, pins } of relation.constants) if (pinned(pins, index)) total += value
  for (const { coef, tensor, axes, pins } of relation.publics) {
    if (pinned(pins, index)) total += coef * publicAt(tensor, axes, index)
  }
  for (const { coef, factors } of relation.products) {
    for (const at of indices(summed(factors.flatMap(factorAxes)), sizes, index)) {
      total += factors.reduce((p, f) => p * factorAt(f, at, integers), coef)
    }
  }
  return total
}

const canonical = (value: bigint): bigint => ((value % P) + P) % P

/** The looked-up tuples of a lookup, as canonical field elements. */
const tuples = (lookup: Lookup, integers: Integers): string[] => {
  const length = lookup.shape.reduce((p, s) => p * s, 1)
  return Array.from({ length }, (_, i) =>
    lookup.columns
      .map(({ offset, entries }) =>
        canonical(entries.reduce((s, { coef, tensor }) => s + coef * BigInt(integers(tensor)[i] ?? 0), offset)),
      )
      .join(),
  )
}

const known = new WeakMap<Table, ReadonlyMap<string, number>>()

/** Row of each tuple in a table. */
const tableRows = (table: Table): ReadonlyMap<string, number> => {
  const found = known.get(table)
  if (found) return found
  const { bits, columns } = table
  const out = new Map<string, number>()
  for (let i = 0; i < 2 ** bits; i++) {
    out.set(columns === 'range' ? `${i}` : columns.map(c => canonical(BigInt(c[i] ?? 0))).join(), i)
  }
  known.set(table, out)
  return out
}

/**
 * @param integers values of every tensor; negative ones and canonical field elements mean the same
 * @returns the names of the relations, lookups and multiplicity tensors that are false, in program order
 */
export const checkProgram = (program: Program, integers: Integers): string[] => {
  const broken: string[] = []
  for (const relation of program.relations) {
    for (const index of indices(relation.out, relation.sizes)) {
      if (canonical(relationAt(relation, index, integers)) === 0n) continue
      broken.push(relation.name)
      break
    }
  }
  const counts = program.tables.map(t => new Float64Array(2 ** t.bits))
  const rows = program.tables.map(tableRows)
  for (const lookup of program.lookups) {
    const found = tuples(lookup, integers).map(tuple => rows[lookup.table]?.get(tuple))
    const target = counts[lookup.table] ?? new Float64Array(0)
    for (const row of found) if (row !== undefined) target[row] = (target[row] ?? 0) + 1
    if (found.includes(undefined)) broken.push(lookup.name)
  }
  program.multiplicities.forEach((tensor, k) => {
    const claimed = integers(tensor)
    if (counts[k]?.some((count, i) => Number(claimed[i] ?? 0) !== count)) broken.push(tensor.name)
  })
  return broken
}
