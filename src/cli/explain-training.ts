/** What proofs of training windows and classifications state, in words. */
import { z } from 'zod'
import { decodeEnvelope } from '../proof/files.ts'
import { decodeClassification, decodeTrainingProof } from '../train/files.ts'
import { verifyClassification } from '../train/verify.ts'
import type { Explanation } from './api.ts'
import { size } from './output.ts'

/** The kind of statement that a proof file carries. @throws Rejection when it is no proof of ours */
export const kindOf = (proof: Uint8Array): string =>
  decodeEnvelope(z.looseObject({ kind: z.string() }), proof).statement.kind

const sizes = (header: number, body: number): string[] => [
  '',
  `statement  ${size(header)}`,
  `proof      ${size(body)}`,
]

/** @throws Rejection */
export const explainWindow = (proof: Uint8Array): Explanation => {
  const { statement, header, body } = decodeTrainingProof(proof)
  const { firstStep, steps, examples, config, before, after, data } = statement
  return {
    lines: [
      `The state ${after} follows from the state ${before} by steps ${firstStep} to ${firstStep + steps} of the stated training: ` +
        `batches of ${config.batch} that the seed ${statement.samplingSeed} picks from the ${examples} examples of ${data}.`,
      '',
      'It does not say who chose the seed, where the data come from, or how well the network does.',
      'It hides weights, data, activations and gradients; it reveals the description, the number of examples, and what is above.',
      ...sizes(header.length, body.length),
      '',
      'Nothing was checked: `proofmark verify DIR` verifies the chain that it is a link of.',
    ],
    statement,
    statement_bytes: header.length,
    proof_bytes: body.length,
  }
}

/** @throws Rejection */
export const explainClassification = (proof: Uint8Array, commitment?: Uint8Array): Explanation => {
  const { statement, header, body } = decodeClassification(proof)
  const { classes, images } = statement
  const verdict = commitment && verifyClassification(proof, commitment)
  return {
    lines: [
      `The network of the state ${statement.commitment} gives ${classes.length === 1 ? 'this image the class' : 'these images the classes'} ${classes.join(', ')}.`,
      '',
      'It does not say that a class is right; `proofmark verify DIR` says how the state was trained.',
      `It hides the weights and every activation${images === null ? ', and the images' : ''}; it reveals the description, and what is above.`,
      ...sizes(header.length, body.length),
      '',
      verdict
        ? verdict.ok
          ? `ACCEPTED, ${verdict.securityBits.toFixed(1)} bits`
          : `REJECTED at ${verdict.at}: ${verdict.reason}`
        : 'Nothing was checked. With --commitment FILE, explain verifies.',
    ],
    statement,
    statement_bytes: header.length,
    proof_bytes: body.length,
    ...(verdict && { ok: verdict.ok, ...(verdict.ok && { security_bits: verdict.securityBits }) }),
  }
}
