/** The verifier of a program's proof: transcript, masked protocol, product check, opening. Mirrors prove-core.ts. */
import { checkPow, verifyOpening } from '../commit/verify.ts'
import { DIGEST_BYTES } from '../commit/merkle.ts'
import { Transcript } from '../transcript/transcript.ts'
import { VerifierChannel } from '../zk/channel.ts'
import { assertProducts, productExpressions } from '../zk/products.ts'
import { type Commitments, rootsOf, shapeKey } from './commitment.ts'
import { STORED } from '../program/program.ts'
import { finalClaim } from './final.ts'
import { runMasked, type Setup } from './setup.ts'
import { ProofReader } from './stream.ts'

export const PROTOCOL = 'proofmark/1'

/** Binds everything public before the first challenge. */
export const openTranscript = (statement: Uint8Array, commitments: Commitments): Transcript => {
  const transcript = new Transcript()
  transcript.absorbBytes('protocol', new TextEncoder().encode(PROTOCOL))
  transcript.absorbBytes('statement', statement)
  for (const name of STORED) {
    const own = commitments[name]
    if (!own) continue
    transcript.absorbBytes(`${name}/shape`, new TextEncoder().encode(JSON.stringify(shapeKey(own.shape))))
    transcript.absorbBytes(`${name}/root`, own.root)
    transcript.absorbK(`${name}/outside`, own.outside)
  }
  return transcript
}

/**
 * @param statement canonical bytes of all that is public beside the commitments: graph, inputs, outputs
 * @throws Rejection naming where and why the proof fails
 */
export const verifyCore = (
  setup: Setup,
  commitments: Commitments,
  statement: Uint8Array,
  proof: Uint8Array,
  onRead?: (tag: string, length: number) => void,
): void => {
  const reader = new ProofReader(proof, onRead)
  const transcript = openTranscript(statement, commitments)
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
  const claim = finalClaim(channel, setup, commitments, transcript.challenge('claims'))
  verifyOpening(side, setup.geometry, { ...rootsOf(commitments), witness: root }, setup.layouts, claim)
  reader.end()
}
