/**
 * What every program must satisfy before either side uses it. A reference outside a tensor would silently read zero or
 * alias another entry, and a zero coefficient would leave a tensor unconstrained: both are refused here.
 */
import { InternalError } from '../errors.ts'
import {
  COMMITMENTS,
  type Entry,
  type Factor,
  type LookupColumn,
  type Program,
  type PublicTensor,
  type Relation,
  type Tensor,
} from './program.ts'

/** Coefficients stay below this in absolute value, far from p. */
const COEFFICIENT_LIMIT = 1n << 62n

const refuse = (where: string, what: string): never => {
  throw new InternalError(`${where}: ${what}`)
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((v, i) => v === b[i])

const inside = (index: number, size: number): boolean => Number.isSafeInteger(index) && index >= 0 && index < size

/** The axes that an entry names or pins. */
const entryAxes = (entry: Entry): string[] => [
  ...entry.axes.filter((a): a is string => typeof a === 'string'),
  ...Object.keys(entry.pins),
]

const checkCoefficient = (where: string, coef: bigint): void => {
  if (coef === 0n || coef >= COEFFICIENT_LIMIT || coef <= -COEFFICIENT_LIMIT) {
    refuse(where, `expected a non-zero coefficient below 2^62, got ${coef}`)
  }
}

/** @param allowed axes that pins may use */
const checkPins = (where: string, pins: Readonly<Record<string, number>>, relation: Relation, allowed: ReadonlySet<string>): void => {
  for (const [axis, index] of Object.entries(pins)) {
    if (!allowed.has(axis)) refuse(where, `axis ${axis} cannot be pinned`)
    if (!inside(index, relation.sizes[axis] ?? 0)) refuse(where, `index ${index} is outside axis ${axis}`)
  }
}

const checkNames = (where: string, axes: readonly string[]): void => {
  if (new Set(axes).size !== axes.length) refuse(where, `an axis appears twice in ${axes.join()}`)
}

const checkEntry = (where: string, entry: Entry, relation: Relation, pinnable: ReadonlySet<string>, known: ReadonlySet<Tensor>): void => {
  const { tensor, axes } = entry
  const at = `${where}/${tensor.name}`
  if (!known.has(tensor)) refuse(at, 'the tensor is not of this program')
  checkCoefficient(at, entry.coef)
  if (axes.length !== tensor.shape.length) refuse(at, `expected ${tensor.shape.length} axes, got ${axes.length}`)
  axes.forEach((ref, a) => {
    const size = tensor.shape[a] ?? 0
    if (typeof ref !== 'string') {
      if (!inside(ref.at, size)) refuse(at, `index ${ref.at} is outside axis ${a} of size ${size}`)
    } else if (relation.sizes[ref] !== size) {
      refuse(at, `axis ${ref} has size ${relation.sizes[ref]}, the tensor ${size}`)
    }
  })
  checkPins(at, entry.pins, relation, pinnable)
  checkNames(at, entryAxes(entry))
}

const checkPublic = (where: string, tensor: PublicTensor, axes: readonly string[], relation: Relation): void => {
  const at = `${where}/${tensor.name}`
  if (!same(axes.map(a => relation.sizes[a] ?? 0), tensor.shape)) refuse(at, `axes ${axes.join()} do not fit ${tensor.shape}`)
  checkNames(at, axes)
}

const checkFactor = (where: string, factor: Factor, relation: Relation, known: ReadonlySet<Tensor>): void => {
  if (factor.kind === 'public') return checkPublic(where, factor.tensor, factor.axes, relation)
  const axes = new Set(Object.keys(relation.sizes))
  const carried = factor.entries.map(entry => {
    checkEntry(where, entry, relation, axes, known)
    return entryAxes(entry).sort().join()
  })
  if (factor.entries.length === 0) refuse(where, 'a factor has no entries')
  if (factor.mix) {
    const { matrix, from, to } = factor.mix
    checkPublic(where, matrix, [from, to], relation)
    if (!relation.out.includes(from)) refuse(where, `the mixed axis ${from} is summed`)
    for (const entry of factor.entries) {
      if (!entry.axes.includes(from)) refuse(where, `${entry.tensor.name} lacks the mixed axis ${from}`)
      if (entryAxes(entry).includes(to)) refuse(where, `${entry.tensor.name} has the axis ${to} that a mix adds`)
    }
  }
  if (new Set(carried).size > 1) refuse(where, `the entries of one factor carry different axes: ${carried.join(' and ')}`)
}

const checkRelation = (relation: Relation, known: ReadonlySet<Tensor>): void => {
  const { name, sizes, out } = relation
  for (const [axis, size] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(size) || size < 1) refuse(name, `axis ${axis} has size ${size}`)
  }
  checkNames(name, out)
  for (const axis of out) if (sizes[axis] === undefined) refuse(name, `axis ${axis} has no size`)
  const outer = new Set(out)
  for (const entry of relation.linear) checkEntry(name, entry, relation, outer, known)
  for (const { value, pins } of relation.constants) {
    if (value !== 0n) checkCoefficient(name, value)
    checkPins(name, pins, relation, outer)
  }
  for (const { coef, tensor, axes, pins } of relation.publics) {
    checkCoefficient(name, coef)
    checkPublic(name, tensor, axes, relation)
    if (axes.some(a => !outer.has(a))) refuse(name, `${tensor.name} lies along a summed axis`)
    checkPins(name, pins, relation, outer)
    checkNames(name, [...axes, ...Object.keys(pins)])
  }
  for (const { coef, factors } of relation.products) {
    checkCoefficient(name, coef)
    const tensors = factors.filter(f => f.kind === 'tensor').length
    if (tensors < 1 || tensors > 3 || factors.length > 3) refuse(name, `a product of ${factors.length} factors, ${tensors} of tensors`)
    for (const factor of factors) checkFactor(name, factor, relation, known)
    for (const { mix } of factors.filter(f => f.kind === 'tensor')) {
      const others = factors.filter(f => (f.kind === 'public' ? f.axes : f.entries.flatMap(e => [...entryAxes(e), ...(f.mix ? [f.mix.to] : [])])).includes(mix?.from ?? ''))
      if (mix && others.length !== 1) refuse(name, `the mixed axis ${mix.from} is another factor's, too`)
    }
  }
}

const checkColumn = (where: string, column: LookupColumn, shape: readonly number[], known: ReadonlySet<Tensor>): void => {
  if (column.entries.length === 0) refuse(where, 'a looked-up column has no tensor')
  for (const { coef, tensor } of column.entries) {
    if (!known.has(tensor)) refuse(where, `${tensor.name} is not of this program`)
    checkCoefficient(where, coef)
    if (!same(tensor.shape, shape)) refuse(where, `${tensor.name} has shape ${tensor.shape}, the lookup ${shape}`)
  }
}

/** @throws InternalError naming the relation, lookup or table that is malformed */
export const validateProgram = (program: Program): void => {
  for (const commitment of COMMITMENTS) {
    const tensors = program[commitment] ?? []
    tensors.forEach((tensor, id) => {
      if (tensor.id !== id || tensor.commitment !== commitment) refuse(tensor.name, `expected id ${id} among the ${commitment}`)
      if (!tensor.shape.every(s => Number.isSafeInteger(s) && s >= 1)) refuse(tensor.name, `shape ${tensor.shape}`)
    })
  }
  const known = new Set(COMMITMENTS.flatMap(name => program[name] ?? []))
  for (const relation of program.relations) checkRelation(relation, known)
  program.tables.forEach((table, k) => {
    const { name, bits, columns, width } = table
    const fits = columns === 'range' ? width === 1 : columns.length === width && columns.every(c => c.length === 2 ** bits)
    if (!fits) refuse(name, `expected ${width} columns of 2^${bits} rows`)
    const counts = program.multiplicities[k]
    if (!counts || !known.has(counts) || counts.commitment !== 'witness' || !same(counts.shape, [2 ** bits])) {
      refuse(name, `expected ${2 ** bits} committed multiplicities`)
    }
  })
  for (const { name, table, shape, columns } of program.lookups) {
    const target = program.tables[table]
    if (target === undefined || columns.length !== target.width) refuse(name, `expected ${target?.width} columns, got ${columns.length}`)
    for (const column of columns) checkColumn(name, column, shape, known)
  }
}
