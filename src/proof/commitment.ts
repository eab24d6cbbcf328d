/** The public commitment to weights, and what every proof must say about it. */
import type { OpeningClaim } from '../commit/claim.ts'
import type { CommitmentShape, Shapes } from '../commit/geometry.ts'
import { type K, kMul } from '../field/goldilocks.ts'
import { log2Ceil } from '../poly/multilinear.ts'
import { type CommitmentName, STORED, type StoredName, type Tensor } from '../program/program.ts'
import { Transcript } from '../transcript/transcript.ts'

/** Uniform 16-bit entries that blind the out-of-domain value of a weights commitment. */
export const BLIND_ENTRIES = 64
export const BLIND_NAME = 'blind'

export interface WeightsCommitment {
  readonly shape: CommitmentShape
  readonly root: Uint8Array
  /** The stack's value at a point derived from the root, blinded: it pins one codeword of the decoding list. */
  readonly outside: K
}

/** The stored commitments of a proof. */
export type Commitments = Readonly<Partial<Record<StoredName, WeightsCommitment>>> & { readonly weights: WeightsCommitment }

export const shapesOf = (commitments: Commitments): Shapes =>
  Object.fromEntries(STORED.flatMap(name => {
    const own = commitments[name]
    return own ? [[name, own.shape]] : []
  })) as unknown as Shapes

export const rootsOf = (commitments: Commitments): Partial<Record<CommitmentName, Uint8Array>> =>
  Object.fromEntries(STORED.map(name => [name, commitments[name]?.root]))

/** Where the out-of-domain value is taken: a point of the stack, and coefficients on the blind entries. */
export const outsidePoint = (shape: CommitmentShape, root: Uint8Array): { point: K[]; blind: K[] } => {
  const transcript = new Transcript()
  transcript.absorbBytes('commitment/shape', new TextEncoder().encode(JSON.stringify(shapeKey(shape))))
  transcript.absorbBytes('commitment/root', root)
  return {
    point: transcript.challenges('commitment/outside', log2Ceil(shape.rows) + shape.logRow),
    blind: transcript.challenges('commitment/blind', BLIND_ENTRIES),
  }
}

export const shapeKey = (s: CommitmentShape): number[] => [s.logRow, s.logDomain, s.rows, s.tail]

/** The out-of-domain claim, scaled. */
export const outsideClaim = (
  commitment: WeightsCommitment,
  blind: Tensor,
  scale: K,
  name: CommitmentName = 'weights',
): OpeningClaim => {
  const at = outsidePoint(commitment.shape, commitment.root)
  return {
    form: [],
    dense: [{ tensor: { ...blind, commitment: name }, coefficients: at.blind.map(c => kMul(c, scale)) }],
    stacks: [{ commitment: name, coef: scale, point: at.point }],
    value: kMul(commitment.outside, scale),
  }
}
