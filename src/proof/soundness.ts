/**
 * The round-by-round soundness of a whole proof: one row per kind of challenge, with the proof of work that precedes
 * it. Errors before the first fold count once for every word in the decoding list (spec/soundness.md).
 */
import type { Geometry } from '../commit/geometry.ts'
import { DIGEST_BYTES } from '../commit/merkle.ts'
import { FIELD_BITS, SECURITY_BITS } from '../commit/soundness.ts'
import { InternalError } from '../errors.ts'
import type { LookupPlan } from '../lookup/plan.ts'
import { log2Ceil } from '../poly/multilinear.ts'
import type { Plan } from '../sumcheck/plan.ts'

export interface SoundnessRow {
  readonly step: string
  /** -log2 of the error, without proof of work. */
  readonly bits: number
  readonly powBits: number
}

export interface Soundness {
  readonly rows: readonly SoundnessRow[]
  /** The weakest row. */
  readonly bits: number
  /** Proof of work before the lookup challenges. */
  readonly lookupPowBits: number
}

export interface SoundnessInput {
  readonly plan: Plan
  readonly lookups: LookupPlan
  readonly geometry: Geometry
  readonly products: number
  readonly assertions: number
}

const LOOKUP_POW_LIMIT = 20

/** @throws InternalError when a row stays below the target. */
export const soundness = ({ plan, lookups, geometry: g, products, assertions }: SoundnessInput): Soundness => {
  const list = g.code.listBits
  const field = (count: number): number => FIELD_BITS - Math.log2(Math.max(1, count)) - list
  const lookupBits = field(lookups.used * (lookups.fingerprintBits + 1))
  const lookupPowBits = Math.max(0, Math.ceil(SECURITY_BITS - lookupBits))
  if (lookupPowBits > LOOKUP_POW_LIMIT) {
    throw new InternalError(`lookups: ${lookups.used} leaves leave ${lookupBits.toFixed(1)} bits`)
  }
  const outBits = plan.relations.reduce((m, r) => Math.max(m, r.out.reduce((s, a) => s + log2Ceil(r.sizes[a] ?? 1), 0)), 0)
  // A pair of words in a stored commitment's list agrees at the one point derived from its root with probability
  // vars/|K|.
  const stored = g.parts.filter(part => part.name !== 'witness')
  const weightBits = Math.max(...stored.map(part => log2Ceil(part.rows))) + g.shape.logRow
  const rows: SoundnessRow[] = [
    { step: 'hash collisions', bits: 4 * DIGEST_BYTES, powBits: 0 },
    { step: 'weights out of domain', bits: FIELD_BITS - 2 * list + 1 - Math.log2(weightBits * stored.length), powBits: 0 },
    { step: 'lookup fingerprint and denominator', bits: lookupBits, powBits: lookupPowBits },
    { step: 'lookup layers', bits: field(3), powBits: 0 },
    { step: 'relations at a random point', bits: field(outBits), powBits: 0 },
    { step: 'relations batched', bits: field(plan.relations.length), powBits: 0 },
    { step: 'relations sumcheck', bits: field(plan.degree), powBits: 0 },
    { step: 'pad products', bits: field(2 * products), powBits: 0 },
    { step: 'linear claims batched', bits: field(assertions), powBits: 0 },
    { step: 'opening sumcheck', bits: field(2), powBits: 0 },
    { step: 'opening folds', bits: Math.min(g.code.foldBits, field(2)), powBits: g.code.foldPowBits },
    { step: 'opening queries', bits: g.code.queryBits - g.code.queryPowBits, powBits: g.code.queryPowBits },
  ]
  g.rounds.forEach((r, i) => {
    const own = r.code.listBits
    const claims = 4 + (i === 0 ? g.code.queries : (g.rounds[i - 1]?.code.queries ?? 0))
    rows.push(
      { step: `chain ${i} out of domain`, bits: FIELD_BITS - 2 * own + 1 - Math.log2(r.logMessage), powBits: 0 },
      { step: `chain ${i} claims batched`, bits: FIELD_BITS - own - Math.log2(claims), powBits: 0 },
      { step: `chain ${i} folds`, bits: Math.min(r.code.foldBits, FIELD_BITS - own - 1), powBits: r.code.foldPowBits },
      { step: `chain ${i} queries`, bits: r.code.queryBits - r.code.queryPowBits, powBits: r.code.queryPowBits },
    )
  })
  const bits = Math.min(...rows.map(r => r.bits + r.powBits))
  if (bits < SECURITY_BITS) {
    const worst = rows.find(r => r.bits + r.powBits === bits)
    throw new InternalError(`${worst?.step}: ${bits.toFixed(1)} bits, below ${SECURITY_BITS}`)
  }
  return { rows, bits, lookupPowBits }
}
