/** The verifier of a program's proof: transcript, masked protocol, product check, opening. Mirrors prove-core.ts. */
import { checkPow, verifyOpening } from '../commit/verify.ts'
import { DIGEST_BYTES } from '../commit/merkle.ts'
import { Transcript } from '../transcript/transcript.ts'
import { VerifierChannel } from '../zk/channel.ts'
import { assertProducts, productExpressions } from '../zk/products.ts'
import { shapeKey, type WeightsCommitment } from './commitment.ts'
import { finalClaim } from './final.ts'
import { runMasked, type Setup } from './setup.ts'
import { ProofReader } from './stream.ts'

export const PROTOCOL = 'proofmark/1'

/** Binds everything public before the first challenge. */
export const openTranscript = (statement: Uint8Array, commitment: WeightsCommitment): Transcript => {
  const transcript = new Transcript()
  transcript.absorbBytes('protocol', new TextEncoder().encode(PROTOCOL))
  transcript.absorbBytes('statement', statement)
  transcript.absorbBytes('weights/shape', new TextEncoder().encode(JSON.stringify(shapeKey(commitment.shape))))
  transcript.absorbBytes('weights/root', commitment.root)
  transcript.absorbK('weights/outside', commitment.outside)
  return transcript
}

/**
 * @param statement canonical bytes of all that is public beside the commitment: graph, inputs, outputs
 * @throws Rejection naming where and why the proof fails
 */
export const verifyCore = (
  setup: Setup,
  commitment: WeightsCommitment,
  statement: Uint8Array,
  proof: Uint8Array,
  onRead?: (tag: string, length: number) => void,
): void => {
  const reader = new ProofReader(proof, onRead)
  const transcript = openTranscript(statement, commitment)
  const side = { transcript, reader }
  // P -> V: the witness commitment.
  const root = reader.bytes('witness/root', DIGEST_BYTES)
  transcript.absorbBytes('witness/root', root)
  checkPow(side, 'lookup/pow', setup.soundness.lookupPowBits)
  // Lookups and relations, masked.
  const channel = new VerifierChannel(transcript, tag => reader.k(tag))
  runMasked(channel, setup.program, setup.plan, setup.lookups)
  // V -> P: r; P -> V: A(r), B(r) of the pad products.
  const r = channel.challenge('products')
  const a = reader.k('products/a')
  const b = reader.k('products/b')
  transcript.absorbK('products', a, b)
  const polynomials = productExpressions(channel.products, setup.extra, r)
  assertProducts(channel, polynomials, a, b)
  // V -> P: gamma batches all linear claims.
  const claim = finalClaim(channel, setup, commitment, transcript.challenge('claims'))
  verifyOpening(side, setup.geometry, { weights: commitment.root, witness: root }, setup.layouts, claim)
  reader.end()
}
