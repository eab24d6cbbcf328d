/**
 * A program is what an integer graph compiles to: committed tensors, identities between them and lookups. It is
 * data: prover, verifier, witness checker and cost estimate all derive from it (spec/relations.md).
 *
 * Every tensor is read as zero-padded to powers of two along each axis, so that its multilinear extension takes one
 * coordinate block per axis.
 */
import type { K } from '../field/goldilocks.ts'

/**
 * What a proof opens: the committed weights; the weights that follow them (after training, or under new randomness);
 * a committed data set; and the proof's own witness. All but the witness outlive the proof.
 */
export const COMMITMENTS = ['weights', 'next', 'data', 'witness'] as const
export type CommitmentName = (typeof COMMITMENTS)[number]
export type StoredName = Exclude<CommitmentName, 'witness'>
/** In the order in which everything that concerns them is bound and sent. */
export const STORED: readonly StoredName[] = ['weights', 'next', 'data']

/** A committed integer tensor. */
export interface Tensor {
  /** Index among the tensors of its commitment. */
  readonly id: number
  readonly name: string
  readonly commitment: CommitmentName
  /** Sizes, outermost first. */
  readonly shape: readonly number[]
}

/** Where one axis of a tensor goes: a named axis of the relation, or one fixed index. */
export type AxisRef = string | { readonly at: number }
/** Fixed positions on named axes that the tensor itself lacks. */
export type Pins = Readonly<Record<string, number>>

/** coef * tensor, its axes named; broadcast along every axis not named, zero off the pins. */
export interface Entry {
  readonly coef: bigint
  readonly tensor: Tensor
  readonly axes: readonly AxisRef[]
  readonly pins: Pins
}

/** A tensor that both sides know: small integers, and its multilinear extension in closed form or by summation. */
export interface PublicTensor {
  readonly name: string
  readonly shape: readonly number[]
  values(): Int32Array
  /** Extension of the zero-padded tensor; one point per axis, most significant coordinate first. */
  evaluate(points: readonly (readonly K[])[]): K
}

/**
 * Turns a tensor's axis `from`, of the relation's `out`, into an axis `to` that it lacks: F[.., from, to] =
 * matrix[from, to] X[.., from]. At a random point of `from` one tensor [to, ..] remains, so a weighted history of steps
 * costs no more than the steps themselves.
 */
export interface Mix {
  readonly matrix: PublicTensor
  readonly from: string
  readonly to: string
}

export type Factor =
  | { readonly kind: 'tensor'; readonly entries: readonly Entry[]; readonly mix?: Mix }
  | { readonly kind: 'public'; readonly tensor: PublicTensor; readonly axes: readonly string[] }

/** coef * sum over the axes outside `out` of the product of 2 or 3 factors. */
export interface Product {
  readonly coef: bigint
  readonly factors: readonly Factor[]
}

export interface Constant {
  readonly value: bigint
  readonly pins: Pins
}

export interface PublicTerm {
  readonly coef: bigint
  readonly tensor: PublicTensor
  readonly axes: readonly string[]
  readonly pins: Pins
}

/** For every index of `out`: sum linear + constants + publics + products = 0. */
export interface Relation {
  readonly name: string
  /** Relations of one group (same shape, other layers) are stacked along a new axis and proven together. */
  readonly group: string
  readonly sizes: Readonly<Record<string, number>>
  readonly out: readonly string[]
  /** Axes of an entry that are not in `out` are summed. */
  readonly linear: readonly Entry[]
  readonly constants: readonly Constant[]
  readonly publics: readonly PublicTerm[]
  readonly products: readonly Product[]
}

/** A public table: 2^bits rows of `columns` integers. */
export interface Table {
  readonly name: string
  readonly bits: number
  readonly columns: readonly Int32Array[] | 'range'
  /** Of Int32 columns; 1 for a range table, whose single column is the row index. */
  readonly width: number
}

/** One looked-up column: offset + sum coef * tensor, every tensor of the lookup's own shape. */
export interface LookupColumn {
  readonly offset: bigint
  readonly entries: readonly { readonly coef: bigint; readonly tensor: Tensor }[]
}

/** Every tuple of the columns is a row of the table. */
export interface Lookup {
  readonly name: string
  readonly table: number
  readonly shape: readonly number[]
  readonly columns: readonly LookupColumn[]
}

export interface Program {
  readonly weights: readonly Tensor[]
  /** Absent or empty where a program has no such commitment. */
  readonly next?: readonly Tensor[]
  readonly data?: readonly Tensor[]
  readonly witness: readonly Tensor[]
  readonly relations: readonly Relation[]
  readonly lookups: readonly Lookup[]
  readonly tables: readonly Table[]
  /** Multiplicities of table k: a witness tensor of 2^bits entries. */
  readonly multiplicities: readonly Tensor[]
}

/** Name of the axis along which same-shaped relations are stacked. */
export const UNIT = 'unit'
