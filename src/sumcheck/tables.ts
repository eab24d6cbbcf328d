/** Materialises the factors of a sumcheck term as tables over the term's variables, most significant first. */
import type { Backend, K, KVec, Source, Table } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import { K_ONE, kScale, toF } from '../field/goldilocks.ts'
import { eqWeights } from '../poly/multilinear.ts'
import { type Points, pinnedAt } from '../program/form.ts'
import type { Entry, Factor, Mix, Tensor } from '../program/program.ts'
import { factorAxes, type SumTerm } from './plan.ts'

/** The dense row-major values of a tensor. */
export type Values = (tensor: Tensor) => Source

export const newK = (length: number): KVec => ({
  c0: new BigUint64Array(length),
  c1: new BigUint64Array(length),
})
export const kAt = (v: KVec, i: number): K => [v.c0[i] ?? 0n, v.c1[i] ?? 0n]
export const kVec = (values: readonly K[]): KVec => ({
  c0: BigUint64Array.from(values, v => v[0]),
  c1: BigUint64Array.from(values, v => v[1]),
})
export const tableLength = (t: Table): number => ('c0' in t ? t.c0.length : t.length)

const iota = (count: number, start = 0): Uint32Array => Uint32Array.from({ length: count }, (_, i) => start + i)
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

/** eq weights of several axes at once, restricted to the real sizes: entry (i, j, ..) = prod eq(point_axis, index). */
const boundWeights = (backend: Backend, sizes: readonly number[], points: readonly (readonly K[])[]): KVec => {
  const parts = sizes.map((size, a) => {
    const all = backend.expand(eqWeights(points[a] ?? []).flat(), K_ONE)
    return { c0: all.c0.subarray(0, size), c1: all.c1.subarray(0, size) }
  })
  return parts.reduce((left, right) => {
    const n = left.c0.length
    const m = right.c0.length
    if (n === 1 && left.c0[0] === 1n && left.c1[0] === 0n) return right
    const out = newK(n * m)
    for (let i = 0; i < n; i++) {
      backend.axpy({ c0: out.c0.subarray(i * m, i * m + m), c1: out.c1.subarray(i * m, i * m + m) }, kAt(left, i), right)
    }
    return out
  }, kVec([K_ONE]))
}

interface Reduced {
  readonly data: Source | KVec
  /** Remaining axes: names and real sizes. */
  readonly axes: readonly string[]
  readonly sizes: readonly number[]
}

/** Fixes leading pinned axes and binds a contiguous run of axes at u. */
const reduceEntry = (backend: Backend, entry: Entry, values: Values, isVariable: (a: string) => boolean, u: Points): Reduced => {
  let data = values(entry.tensor)
  let refs = entry.axes
  let shape = entry.tensor.shape
  while (typeof refs[0] === 'object') {
    const inner = product(shape.slice(1))
    data = data.subarray(refs[0].at * inner, (refs[0].at + 1) * inner) as Source
    refs = refs.slice(1)
    shape = shape.slice(1)
  }
  const names = refs.map(ref => {
    if (typeof ref !== 'string') throw new InternalError(`${entry.tensor.name}: only leading axes can be fixed`)
    return ref
  })
  const first = names.findIndex(a => !isVariable(a))
  if (first < 0) return { data, axes: names, sizes: shape }
  let end = first
  while (end < names.length && !isVariable(names[end] as string)) end++
  if (names.slice(end).some(a => !isVariable(a))) {
    throw new InternalError(`${entry.tensor.name}: the axes bound at the random point must be adjacent`)
  }
  const outer = product(shape.slice(0, first))
  const middle = product(shape.slice(first, end))
  const inner = product(shape.slice(end))
  const weights = boundWeights(backend, shape.slice(first, end), names.slice(first, end).map(a => u[a] ?? []))
  const axes = [...names.slice(0, first), ...names.slice(end)]
  const sizes = [...shape.slice(0, first), ...shape.slice(end)]
  if (inner === 1) return { data: backend.dot(data, middle, iota(outer), weights), axes, sizes }
  if (outer === 1) return { data: backend.combine(data, inner, iota(middle), weights), axes, sizes }
  const out = newK(outer * inner)
  for (let o = 0; o < outer; o++) {
    const part = backend.combine(data, inner, iota(middle, o * middle), weights)
    out.c0.set(part.c0, o * inner)
    out.c1.set(part.c1, o * inner)
  }
  return { data: out, axes, sizes }
}

/** Replaces the axis `from`, bound at u, by `to`. */
const mixReduced = (backend: Backend, { data, axes, sizes }: Reduced, { matrix, from, to }: Mix, u: Points): Reduced => {
  if (axes[0] !== from) throw new InternalError(`only a leading axis can be mixed, got ${axes.join()}`)
  const [rows, columns] = matrix.shape as [number, number]
  const weights = boundWeights(backend, [rows], [u[from] ?? []])
  const coefs = matrix.values()
  const inner = product(sizes.slice(1))
  const out = newK(columns * inner)
  const slice = (v: Source | KVec, at: number): Source | KVec =>
    'c0' in v
      ? { c0: v.c0.subarray(at, at + inner), c1: v.c1.subarray(at, at + inner) }
      : (v.subarray(at, at + inner) as Source)
  for (let s = 0; s < columns; s++) {
    const target = slice(out, s * inner) as KVec
    for (let t = 0; t < rows; t++) {
      const coef = coefs[t * columns + s] ?? 0
      if (coef !== 0) backend.axpy(target, kScale(kAt(weights, t), toF(BigInt(coef))), slice(data, t * inner))
    }
  }
  return { data: out, axes: [to, ...axes.slice(1)], sizes: [columns, ...sizes.slice(1)] }
}

/** Calls visit(source, target, run) for the contiguous runs of a row-major array laid into a strided table. */
const scatter = (
  shape: readonly number[],
  steps: readonly number[],
  offset: number,
  visit: (source: number, target: number, run: number) => void,
): void => {
  // Axes of one entry go, and neighbours that are contiguous in the table become one.
  const sizes: number[] = []
  const strides: number[] = []
  shape.forEach((size, a) => {
    const step = steps[a] ?? 0
    if (size === 1) return
    if (sizes.length > 0 && strides.at(-1) === step * size) {
      sizes.push((sizes.pop() ?? 1) * size)
      strides.pop()
    } else sizes.push(size)
    strides.push(step)
  })
  const last = sizes.length - 1
  const contiguous = last >= 0 && strides[last] === 1
  const walk = (axis: number, source: number, target: number): void => {
    if (axis > last) return visit(source, target, 1)
    const size = sizes[axis] ?? 1
    if (axis === last && contiguous) return visit(source, target, size)
    const inner = product(sizes.slice(axis + 1))
    const stride = strides[axis] ?? 0
    for (let i = 0; i < size; i++) walk(axis + 1, source + i * inner, target + i * stride)
  }
  walk(0, 0, offset)
}

/** The table of a tensor factor over its own variable axes. */
const compactTable = (
  backend: Backend,
  term: SumTerm,
  entries: readonly Entry[],
  mix: Mix | undefined,
  own: readonly { axis: string; bits: number }[],
  u: Points,
  values: Values,
): Table => {
  const strides = new Map<string, number>()
  let length = 1
  for (const { axis, bits } of [...own].reverse()) {
    strides.set(axis, length)
    length *= 2 ** bits
  }
  const isVariable = (a: string): boolean => term.variables.some(v => v.axis === a)
  const reduced = entries.map(entry => {
    // A pin on an axis bound at u scales the entry by eq(u, index).
    const pins = Object.fromEntries(Object.entries(entry.pins).filter(([axis]) => !isVariable(axis)))
    const bound = Object.keys(pins).length > 0
    const scale = kScale(pinnedAt(pins, u), toF(entry.coef))
    const plain = reduceEntry(backend, entry, values, a => isVariable(a) || a === mix?.from, u)
    return { entry, bound, scale, ...(mix ? mixReduced(backend, plain, mix, u) : plain) }
  })
  const only = reduced[0]
  if (reduced.length === 1 && only && only.entry.coef === 1n && !only.bound && tableLength(only.data) === length &&
      only.axes.join() === own.map(o => o.axis).join()) {
    return only.data
  }
  const place = (r: (typeof reduced)[number]): { strides: number[]; offset: number } => {
    let offset = 0
    for (const [axis, index] of Object.entries(r.entry.pins)) offset += index * (strides.get(axis) ?? 0)
    const missing = own.filter(o => !r.axes.includes(o.axis) && !(o.axis in r.entry.pins))
    if (missing.length > 0) {
      throw new InternalError(`${r.entry.tensor.name}: lacks axis ${missing[0]?.axis} that its factor carries`)
    }
    return { strides: r.axes.map(a => strides.get(a) ?? 0), offset }
  }
  if (reduced.some(r => r.bound || 'c0' in r.data)) {
    const out = newK(length)
    for (const r of reduced) {
      const at = place(r)
      const coef = r.scale
      scatter(r.sizes, at.strides, at.offset, (source, target, run) => {
        const part = 'c0' in r.data
          ? { c0: r.data.c0.subarray(source, source + run), c1: r.data.c1.subarray(source, source + run) }
          : (r.data.subarray(source, source + run) as Source)
        backend.axpy({ c0: out.c0.subarray(target, target + run), c1: out.c1.subarray(target, target + run) }, coef, part)
      })
    }
    return out
  }
  const wide = reduced.some(r => r.data instanceof BigInt64Array || r.data instanceof BigUint64Array)
  if (wide) {
    const out = new BigInt64Array(length)
    for (const r of reduced) {
      const at = place(r)
      scatter(r.sizes, at.strides, at.offset, (source, target, run) => {
        for (let i = 0; i < run; i++) {
          out[target + i] = (out[target + i] ?? 0n) + r.entry.coef * BigInt((r.data as Source)[source + i] ?? 0)
        }
      })
    }
    return out
  }
  const out = new Int32Array(length)
  for (const r of reduced) {
    const at = place(r)
    const coef = Number(r.entry.coef)
    const data = r.data as Int32Array
    scatter(r.sizes, at.strides, at.offset, (source, target, run) => {
      for (let i = 0; i < run; i++) out[target + i] = (out[target + i] as number) + coef * (data[source + i] as number)
    })
  }
  return out
}

/** Repeats a compact table along the term's other variables. */
const broadcast = (term: SumTerm, own: ReadonlySet<string>, table: Table): Table => {
  const total = 2 ** term.rounds
  if (tableLength(table) === total) return table
  // Axes of one entry would cut runs short.
  const variables = term.variables.filter(v => v.bits > 0)
  const copy = (from: BigUint64Array | Source): Source => {
    const out = new (from.constructor as new (n: number) => Source)(total)
    const walk = (v: number, source: number, target: number): void => {
      const variable = variables[v]
      if (!variable) {
        out[target] = from[source] as never
        return
      }
      // Trailing variables all the factor's own: one contiguous copy.
      const rest = variables.slice(v)
      if (rest.every(r => own.has(r.axis))) {
        const run = 2 ** rest.reduce((s, r) => s + r.bits, 0)
        out.set(from.subarray(source, source + run) as never, target)
        return
      }
      if (rest.every(r => !own.has(r.axis))) {
        const run = 2 ** rest.reduce((s, r) => s + r.bits, 0)
        out.fill(from[source] as never, target, target + run)
        return
      }
      const inner = 2 ** rest.slice(1).reduce((s, r) => s + r.bits, 0)
      const ownInner = 2 ** rest.slice(1).reduce((s, r) => s + (own.has(r.axis) ? r.bits : 0), 0)
      for (let i = 0; i < 2 ** variable.bits; i++) {
        walk(v + 1, own.has(variable.axis) ? source + i * ownInner : source, target + i * inner)
      }
    }
    walk(0, 0, 0)
    return out
  }
  if ('c0' in table) return { c0: copy(table.c0) as BigUint64Array, c1: copy(table.c1) as BigUint64Array }
  return copy(table)
}

/** A public factor is a tensor whose values everyone has. */
const publicTable = (
  backend: Backend,
  term: SumTerm,
  { tensor, axes }: Extract<Factor, { kind: 'public' }>,
  own: readonly { axis: string; bits: number }[],
  u: Points,
): Table => {
  const stand: Tensor = { id: -1, name: tensor.name, commitment: 'witness', shape: tensor.shape }
  return compactTable(backend, term, [{ coef: 1n, tensor: stand, axes, pins: {} }], undefined, own, u, () => tensor.values())
}

/** All tables of a term: its factors in order, then eq over its shared axes if it has any. */
export const termTables = (backend: Backend, term: SumTerm, u: Points, values: Values): Table[] => {
  const tables = term.product.factors.map(factor => {
    const carried = factorAxes(factor)
    const own = term.variables.filter(v => carried.has(v.axis))
    const table =
      factor.kind === 'public'
        ? publicTable(backend, term, factor, own, u)
        : compactTable(backend, term, factor.entries, factor.mix, own, u, values)
    return broadcast(term, new Set(own.map(o => o.axis)), table)
  })
  if (term.shared.length > 0) {
    const point = term.shared.flatMap(a => u[a] ?? [])
    tables.push(broadcast(term, new Set(term.shared), backend.expand(eqWeights(point).flat(), K_ONE)))
  }
  return tables
}
