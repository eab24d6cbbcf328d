/** The prover of renewed commitments. Mirrors renewal.ts. */
import { type Backend, DIGEST_STRIDE } from '../backend/backend.ts'
import { MASK_ROWS } from '../commit/geometry.ts'
import { treeRoot } from '../commit/merkle.ts'
import { type Committed, proveOpening } from '../commit/prove.ts'
import type { WeightsCommitment } from './commitment.ts'
import type { ModelCommitment } from './files.ts'
import { type RandomFill, uniformField } from './random.ts'
import { renewalClaim, renewalSetup, renewalTranscript } from './renewal.ts'
import { ProofWriter } from './stream.ts'

/** Proves that two commitments hide the same weights. Costs one opening of each. */
export const proveRenewal = async (
  backend: Backend,
  old: { readonly commitment: ModelCommitment; readonly digest: string; readonly committed: Committed },
  renewed: { readonly commitment: WeightsCommitment; readonly committed: Committed },
  random: RandomFill,
): Promise<Uint8Array> => {
  const setup = renewalSetup(old.commitment, renewed.commitment)
  const { shape, witnessTail } = setup.geometry
  const transcript = renewalTranscript(old.commitment, old.digest, renewed.commitment)
  const writer = new ProofWriter()
  // P -> V: the commitment of the mask rows.
  const rows = {
    data: uniformField(MASK_ROWS * 2 ** shape.logRow, random),
    rows: MASK_ROWS,
    logRow: shape.logRow,
    tail: uniformField(MASK_ROWS * witnessTail, random),
    tailLength: witnessTail,
  }
  const witness: Committed = { rows, tree: backend.commit(rows, shape.logDomain) }
  const root = treeRoot(witness.tree, DIGEST_STRIDE)
  writer.bytes('witness/root', root)
  transcript.absorbBytes('witness/root', root)
  const claim = renewalClaim(transcript, setup, old.commitment.weights, renewed.commitment)
  const committed = { weights: old.committed, next: renewed.committed, witness }
  await proveOpening({ transcript, writer, backend }, setup.geometry, committed, setup.layouts, claim)
  return writer.finish()
}
