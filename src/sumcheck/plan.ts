/**
 * From relations to one batched sumcheck. A relation holds everywhere iff it holds (whp) at a random point u of its
 * `out` axes. In each product, an `out` axis carried by a single factor is bound at u at once; the other axes
 * stay as variables, with an eq factor for those that belong to `out` (spec/relations.md, section 2).
 */
import { InternalError } from '../errors.ts'
import { log2Ceil } from '../poly/multilinear.ts'
import { type Entry, type Factor, type Product, type Program, type Relation, UNIT } from '../program/program.ts'

/** One product of one relation, ready for sumcheck. */
export interface SumTerm {
  readonly relation: Relation
  readonly product: Product
  /** Axes summed by the sumcheck, most significant first, with their bits. */
  readonly variables: readonly { readonly axis: string; readonly bits: number }[]
  /** Axes of `out` among the variables: they carry an eq factor. */
  readonly shared: readonly string[]
  /** Axes of `out` that no factor carries. */
  readonly absent: readonly string[]
  readonly rounds: number
  /** Factors including eq. */
  readonly degree: number
}

export const factorAxes = (factor: Factor): Set<string> => {
  if (factor.kind === 'public') return new Set(factor.axes)
  const axes = new Set<string>()
  for (const entry of factor.entries) {
    for (const ref of entry.axes) if (typeof ref === 'string') axes.add(ref)
    for (const axis of Object.keys(entry.pins)) axes.add(axis)
  }
  if (factor.mix) axes.add(factor.mix.to)
  return axes
}

export const planTerm = (relation: Relation, product: Product): SumTerm => {
  const carried = product.factors.map(factorAxes)
  const count = (axis: string): number => carried.filter(c => c.has(axis)).length
  const absent = relation.out.filter(axis => count(axis) === 0)
  const shared = relation.out.filter(axis => count(axis) > 1)
  // In the order of the largest factor, whose table is then its tensor's own memory.
  const bits = (axes: ReadonlySet<string>): number => [...axes].reduce((s, a) => s + log2Ceil(relation.sizes[a] ?? 1), 0)
  const open = carried.map(axes => new Set([...axes].filter(axis => !relation.out.includes(axis))))
  const summed = [...new Set([...open].sort((a, b) => bits(b) - bits(a)).flatMap(axes => [...axes]))]
  const variables = [...shared, ...summed].map(axis => ({ axis, bits: log2Ceil(relation.sizes[axis] ?? 1) }))
  return {
    relation,
    product,
    variables,
    shared,
    absent,
    rounds: variables.reduce((s, v) => s + v.bits, 0),
    degree: product.factors.length + (shared.length > 0 ? 1 : 0),
  }
}

/** What of a mix must be the same beside its matrix. */
export const mixKey = (factor: Factor): string =>
  factor.kind === 'tensor' && factor.mix ? `${factor.mix.matrix.name}(${factor.mix.from},${factor.mix.to})` : ''

/** Stacks the relations of one group along the UNIT axis. */
const stack = (group: readonly Relation[]): Relation => {
  const first = group[0]
  if (!first) throw new InternalError('empty relation group')
  if (group.length === 1) return first
  const pin = (n: number) => (entry: Entry): Entry => ({ ...entry, pins: { ...entry.pins, [UNIT]: n } })
  const products = first.products.map((product, k) => {
    // The unit's coefficient goes into the entries of its first tensor factor.
    const carrier = product.factors.findIndex(f => f.kind === 'tensor')
    const factors = product.factors.map((factor, f): Factor => {
      if (factor.kind === 'public') {
        // One public factor serves all units, so it must be theirs too.
        for (const relation of group) {
          const other = relation.products[k]?.factors[f]
          if (other?.kind !== 'public' || other.tensor !== factor.tensor || other.axes.join() !== factor.axes.join()) {
            throw new InternalError(`group ${first.group}: ${relation.name} has another ${factor.tensor.name}`)
          }
        }
        return factor
      }
      const entries = group.flatMap((relation, n) => {
        const other = relation.products[k]?.factors[f]
        if (other?.kind !== 'tensor') throw new InternalError(`group ${first.group}: factors differ`)
        const scale = f === carrier ? (relation.products[k]?.coef ?? 0n) : 1n
        return other.entries.map(pin(n)).map(e => ({ ...e, coef: e.coef * scale }))
      })
      for (const relation of group) {
        const other = relation.products[k]?.factors[f]
        if (other?.kind === 'tensor' && (other.mix?.matrix !== factor.mix?.matrix || mixKey(other) !== mixKey(factor))) {
          throw new InternalError(`group ${first.group}: ${relation.name} mixes otherwise`)
        }
      }
      return { kind: 'tensor', entries, mix: factor.mix }
    })
    return { coef: 1n, factors }
  })
  for (const relation of group) {
    if (
      JSON.stringify([relation.sizes, relation.out]) !== JSON.stringify([first.sizes, first.out]) ||
      relation.products.length !== first.products.length ||
      relation.products.some((p, k) => p.factors.length !== first.products[k]?.factors.length)
    ) {
      throw new InternalError(`group ${first.group}: ${relation.name} and ${first.name} differ in shape`)
    }
  }
  return {
    name: first.group,
    group: first.group,
    sizes: { ...first.sizes, [UNIT]: group.length },
    out: [UNIT, ...first.out],
    linear: group.flatMap((r, n) => r.linear.map(pin(n))),
    constants: group.flatMap((r, n) => r.constants.map(c => ({ ...c, pins: { ...c.pins, [UNIT]: n } }))),
    publics: group.flatMap((r, n) => r.publics.map(p => ({ ...p, pins: { ...p.pins, [UNIT]: n } }))),
    products,
  }
}

export interface Plan {
  readonly relations: readonly Relation[]
  readonly terms: readonly SumTerm[]
  readonly rounds: number
  readonly degree: number
}

export const planRelations = (program: Program): Plan => {
  const groups = new Map<string, Relation[]>()
  for (const relation of program.relations) {
    groups.set(relation.group, [...(groups.get(relation.group) ?? []), relation])
  }
  const relations = [...groups.values()].map(stack)
  const terms = relations.flatMap(r => r.products.map(p => planTerm(r, p)))
  return {
    relations,
    terms,
    rounds: Math.max(0, ...terms.map(t => t.rounds)),
    degree: Math.max(2, ...terms.map(t => t.degree)),
  }
}

/** A stable name for the point each axis takes: axes of one name and size share their random point. */
export const axisKey = (axis: string, size: number): string => `${axis}:${log2Ceil(size)}`
