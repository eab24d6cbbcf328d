/**
 * Renewed commitments: the same weights under new randomness, with a proof that they are the same. For a random point
 * of every weight tensor the difference of the two evaluations is zero; both are opened in one masked opening
 * (spec/commitment.md). This file is the verifier; prove-renewal.ts mirrors it.
 */
import type { Layouts, OpeningClaim } from '../commit/claim.ts'
import { checkShape, type Geometry, planGeometry } from '../commit/geometry.ts'
import { DIGEST_BYTES } from '../commit/merkle.ts'
import { verifyOpening } from '../commit/verify.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ZERO, kAdd, kNeg, kPowers } from '../field/goldilocks.ts'
import { planLookups } from '../lookup/plan.ts'
import { canonicalJson } from '../models/integer/description.ts'
import { build, sequenceOf } from '../models/integer/program.ts'
import { eqWeights, log2Ceil } from '../poly/multilinear.ts'
import type { Term } from '../program/form.ts'
import { layoutTensors } from '../program/layout.ts'
import type { Program, Tensor } from '../program/program.ts'
import { planRelations } from '../sumcheck/plan.ts'
import type { Transcript } from '../transcript/transcript.ts'
import { BLIND_NAME, outsideClaim, type WeightsCommitment } from './commitment.ts'
import { decodeCommitment, digestOf, type ModelCommitment } from './files.ts'
import { Rejection } from './rejection.ts'
import { type Soundness, soundness } from './soundness.ts'
import { ProofReader } from './stream.ts'
import { openTranscript } from './verify-core.ts'

export interface RenewalSetup {
  readonly weights: readonly Tensor[]
  readonly layouts: Layouts
  readonly geometry: Geometry
  readonly soundness: Soundness
}

const EMPTY: Program = { weights: [], witness: [], relations: [], lookups: [], tables: [], multiplicities: [] }

/** @throws InputError when the two commitments differ in rows or code */
export const renewalSetup = (old: ModelCommitment, renewed: WeightsCommitment): RenewalSetup => {
  const { weights } = build(old.description, sequenceOf([0], [0])).program
  const layout = layoutTensors(weights)
  checkShape(old.weights.shape, layout.length)
  checkShape(renewed.shape, layout.length)
  const geometry = planGeometry({ weights: old.weights.shape, next: renewed.shape }, 0, 0)
  return {
    weights,
    layouts: { weights: layout, next: layout, witness: layoutTensors([]) },
    geometry,
    soundness: soundness({
      plan: planRelations(EMPTY),
      lookups: planLookups(EMPTY),
      geometry,
      products: 0,
      // One claim a tensor at a point of at most 64 coordinates, and two out-of-domain claims.
      assertions: weights.length + 66,
    }),
  }
}

/** What the renewal's transcript binds beside the old commitment. */
export const renewalTranscript = (old: ModelCommitment, previous: string, renewed: WeightsCommitment): Transcript => {
  const statement = canonicalJson({ kind: 'renewal', previous, model: old.description })
  return openTranscript(new TextEncoder().encode(statement), { weights: old.weights, next: renewed })
}

/** sum_t gamma^t (W_t - W'_t)(point_t) = 0, and the out-of-domain claims of both. */
export const renewalClaim = (
  transcript: Transcript,
  setup: RenewalSetup,
  old: WeightsCommitment,
  renewed: WeightsCommitment,
): OpeningClaim => {
  const tensors = setup.weights.filter(t => t.name !== BLIND_NAME)
  const blind = setup.weights.find(t => t.name === BLIND_NAME)
  if (!blind) throw new InternalError('the weights have no blind entries')
  // V -> P: a random point of every tensor, then gamma.
  const points = tensors.map(t => t.shape.map(size => transcript.challenges('renewal/point', log2Ceil(size))))
  const powers = kPowers(transcript.challenge('renewal/claims'), tensors.length + 2)
  const form: Term[] = []
  tensors.forEach((tensor, i) => {
    const coef: K = powers[i] ?? K_ZERO
    const axes = (points[i] ?? []).map(eqWeights)
    form.push({ coef, tensor, axes }, { coef: kNeg(coef), tensor: { ...tensor, commitment: 'next' }, axes })
  })
  const first = outsideClaim(old, blind, powers.at(-2) ?? K_ZERO)
  const second = outsideClaim(renewed, blind, powers.at(-1) ?? K_ZERO, 'next')
  return {
    form,
    dense: [...first.dense, ...second.dense],
    stacks: [...first.stacks, ...second.stacks],
    value: kAdd(first.value, second.value),
  }
}

export type RenewalVerdict =
  | {
      readonly ok: true
      /** Digest of the chain's first commitment, as the previous file names it: its own renewal must be verified, too. */
      readonly original: string
      /** Whether the previous file is itself the first. */
      readonly complete: boolean
      readonly securityBits: number
    }
  | { readonly ok: false; readonly at: string; readonly reason: string }

/**
 * Whether a renewed commitment file hides the same weights as the one it renews. Never throws.
 * @param renewed bytes of the newer file, which carries the proof
 * @param previous bytes of the file that it says it renews
 */
export const verifyRenewal = (renewed: Uint8Array, previous: Uint8Array): RenewalVerdict => {
  try {
    const next = decodeCommitment(renewed)
    const old = decodeCommitment(previous)
    if (!next.renews) throw new Rejection('commitment', 'it renews no other one')
    const digest = digestOf(previous)
    if (next.renews.previous !== digest) throw new Rejection('commitment/previous', 'it renews another commitment')
    if (next.renews.original !== (old.renews?.original ?? digest)) {
      throw new Rejection('commitment/original', 'it names another first commitment')
    }
    if (canonicalJson(next.description) !== canonicalJson(old.description)) {
      throw new Rejection('commitment/model', 'the descriptions differ')
    }
    const setup = renewalSetup(old, next.weights)
    const transcript = renewalTranscript(old, digest, next.weights)
    const reader = new ProofReader(next.renews.proof)
    // P -> V: the commitment of the mask rows.
    const root = reader.bytes('witness/root', DIGEST_BYTES)
    transcript.absorbBytes('witness/root', root)
    const claim = renewalClaim(transcript, setup, old.weights, next.weights)
    const roots = { weights: old.weights.root, next: next.weights.root, witness: root }
    verifyOpening({ transcript, reader }, setup.geometry, roots, setup.layouts, claim)
    reader.end()
    return {
      ok: true,
      original: next.renews.original,
      complete: old.renews === undefined,
      securityBits: setup.soundness.bits,
    }
  } catch (error) {
    if (error instanceof Rejection) return { ok: false, at: error.at, reason: error.reason }
    return { ok: false, at: 'renewal', reason: error instanceof Error ? error.message : String(error) }
  }
}
