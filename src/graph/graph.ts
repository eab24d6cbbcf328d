/**
 * The integer graph: nodes as data. A node's relation rule turns it into committed tensors, identities and lookups
 * (ops/<op>/relation.ts); its witness rule computes them (ops/<op>/witness.ts). Real value = integer * 2^-scale.
 */
import { InputError, InternalError } from '../errors.ts'
import type {
  AxisRef,
  Entry,
  Lookup,
  Pins,
  Program,
  Relation,
  StoredName,
  Table,
  Tensor,
} from '../program/program.ts'

/** A value flowing between nodes: an integer combination of committed tensors of one shape. */
export interface Wire {
  readonly name: string
  readonly shape: readonly number[]
  readonly terms: readonly { readonly coef: bigint; readonly tensor: Tensor }[]
  /** log2 of the units per 1.0. */
  readonly scale: number
  /** |value| <= bound, proven by lookups and range analysis. */
  readonly bound: number
}

/** A committed weight tensor: 16-bit entries. */
export interface Weight {
  readonly tensor: Tensor
  readonly scale: number
}

export const WEIGHT_BOUND = 2 ** 15
/** No accumulator may reach this: field wrap-around and 64-bit execution stay far away. */
export const ACCUMULATOR_LIMIT = 2 ** 62

/** low, low + 1, .., count of them. */
export const ramp = (low: number, count: number): Int32Array => {
  const out = new Int32Array(count)
  for (let i = 0; i < count; i++) out[i] = low + i
  return out
}

/** Entries of a wire with its axes named. */
export const entries = (wire: Wire, axes: readonly AxisRef[], coef = 1n, pins: Pins = {}): Entry[] =>
  wire.terms.map(t => ({ coef: coef * t.coef, tensor: t.tensor, axes, pins }))

export const entry = (tensor: Tensor, axes: readonly AxisRef[], coef = 1n, pins: Pins = {}): Entry => ({
  coef,
  tensor,
  axes,
  pins,
})

export const wireOf = (tensor: Tensor, scale: number, bound: number): Wire => ({
  name: tensor.name,
  shape: tensor.shape,
  terms: [{ coef: 1n, tensor }],
  scale,
  bound,
})

/** @throws InputError naming the node whose accumulator could reach 2^62. */
export const checkAccumulator = (node: string, bound: number): void => {
  if (!(bound < ACCUMULATOR_LIMIT)) {
    throw new InputError(node, 'an accumulator below 2^62', `a possible 2^${Math.log2(bound).toFixed(1)}`)
  }
}

/** Collects a program. */
export class ProgramBuilder {
  readonly weights: Tensor[] = []
  readonly next: Tensor[] = []
  readonly data: Tensor[] = []
  readonly witness: Tensor[] = []
  readonly relations: Relation[] = []
  readonly lookups: Lookup[] = []
  readonly tables: Table[] = []
  readonly #tableIds = new Map<string, number>()
  readonly #weightIds = new Map<string, Weight>()

  weight(name: string, shape: readonly number[], scale: number): Weight {
    const known = this.#weightIds.get(name)
    if (known) return known
    const tensor: Tensor = { id: this.weights.length, name, commitment: 'weights', shape }
    this.weights.push(tensor)
    const weight = { tensor, scale }
    this.#weightIds.set(name, weight)
    return weight
  }

  /** A tensor of a commitment that outlives the proof. */
  stored(commitment: StoredName, name: string, shape: readonly number[]): Tensor {
    const tensor: Tensor = { id: this[commitment].length, name, commitment, shape }
    this[commitment].push(tensor)
    return tensor
  }

  tensor(name: string, shape: readonly number[]): Tensor {
    const tensor: Tensor = { id: this.witness.length, name, commitment: 'witness', shape }
    this.witness.push(tensor)
    return tensor
  }

  relate(relation: Partial<Relation> & Pick<Relation, 'name' | 'group' | 'sizes' | 'out'>): void {
    this.relations.push({ linear: [], constants: [], publics: [], products: [], ...relation })
  }

  /** The table of a name, made once. */
  table(name: string, make: () => Omit<Table, 'name'>): number {
    const known = this.#tableIds.get(name)
    if (known !== undefined) return known
    const id = this.tables.length
    this.tables.push({ name, ...make() })
    this.#tableIds.set(name, id)
    return id
  }

  /** [0, 2^bits), bits 0..16. */
  rangeTable(bits: number): number {
    if (bits < 0 || bits > 16) throw new InternalError(`range table of ${bits} bits`)
    return this.table(`range ${bits}`, () => ({ bits, columns: 'range', width: 1 }))
  }

  lookup(lookup: Lookup): void {
    this.lookups.push(lookup)
  }

  finish(): Program {
    const multiplicities = this.tables.map(t => this.tensor(`multiplicity ${t.name}`, [2 ** t.bits]))
    return {
      weights: this.weights,
      ...(this.next.length > 0 ? { next: this.next } : {}),
      ...(this.data.length > 0 ? { data: this.data } : {}),
      witness: this.witness,
      relations: this.relations,
      lookups: this.lookups,
      tables: this.tables,
      multiplicities,
    }
  }
}
