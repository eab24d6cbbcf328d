/**
 * All lookups and all tables of a program as the leaves of one fraction tree. Each block of a lookup's index space
 * and each table takes an aligned power-of-two range of leaves; leaves in no range hold 0/1.
 */
import { log2Ceil } from '../poly/multilinear.ts'
import { type Piece, placeAligned, shapePieces } from '../program/layout.ts'
import type { Lookup, Program } from '../program/program.ts'

export type LeafRange = { readonly bits: number; readonly offset: number } & (
  | { readonly kind: 'lookup'; readonly lookup: Lookup; readonly block: number; readonly pieces: readonly Piece[] }
  | { readonly kind: 'table'; readonly table: number }
)

export interface LookupPlan {
  readonly ranges: readonly LeafRange[]
  /** log2 of the leaves. */
  readonly depth: number
  /** Leaves in use: lookups and table rows. */
  readonly used: number
  /** Number of fingerprint challenges: column k has weight prod_b alpha_b^(bit b of k), column 0 being the table id. */
  readonly fingerprintBits: number
}

export const planLookups = (program: Program): LookupPlan => {
  const items = [
    ...program.lookups.flatMap(lookup =>
      shapePieces(lookup.shape).map((pieces, block) => ({
        kind: 'lookup' as const,
        lookup,
        block,
        pieces,
        bits: pieces.reduce((s, p) => s + p.bits, 0),
      })),
    ),
    ...program.tables.map((table, k) => ({ kind: 'table' as const, table: k, bits: table.bits })),
  ]
  const { offsets, length } = placeAligned(items.map(i => i.bits))
  return {
    ranges: items.map((item, i) => ({ ...item, offset: offsets[i] ?? 0 })),
    depth: log2Ceil(length),
    used: length,
    fingerprintBits: log2Ceil(1 + Math.max(1, ...program.tables.map(t => t.width))),
  }
}
