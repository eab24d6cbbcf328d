/** Verification of proof files: bytes in, verdict out; it never throws. */
import { InputError } from '../errors.ts'
import { build, sequenceOf } from '../models/integer/program.ts'
import { decodeCommitment, decodeProof, digestOf, type Statement } from './files.ts'
import { Rejection } from './rejection.ts'
import { setUp } from './setup.ts'
import type { Soundness } from './soundness.ts'
import { verifyCore } from './verify-core.ts'

export type Verdict =
  | {
      readonly ok: true
      readonly statement: Statement
      readonly securityBits: number
      readonly soundness: Soundness
    }
  | { readonly ok: false; readonly at: string; readonly reason: string }

/** What the caller insists on; absent parts are taken from the proof and reported. */
export interface Expectation {
  readonly prompt?: readonly (number | null)[]
  readonly generated?: readonly number[]
}

const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((v, i) => v === b[i])

/**
 * @param proof bytes of a proof file
 * @param commitment bytes of the commitment file of the model the caller trusts to be meant
 * @param expected the statement the caller wants proven, if it knows it beforehand
 * @param onRead sees every part of the proof's body as it is read
 */
export const verify = (
  proof: Uint8Array,
  commitment: Uint8Array,
  expected: Expectation = {},
  onRead?: (tag: string, length: number) => void,
): Verdict => {
  try {
    const model = decodeCommitment(commitment)
    const { statement, header, body } = decodeProof(proof)
    if (statement.commitment !== digestOf(commitment)) {
      throw new Rejection('statement/commitment', 'the proof is about another commitment')
    }
    if (expected.prompt && !same(expected.prompt, statement.prompt)) {
      throw new Rejection('statement/prompt', 'the proof is about another prompt')
    }
    if (expected.generated && !same(expected.generated, statement.generated)) {
      throw new Rejection('statement/generated', 'the proof is about other generated tokens')
    }
    const { program } = build(model.description, sequenceOf(statement.prompt, statement.generated))
    const setup = setUp(program, { weights: model.weights.shape })
    verifyCore(setup, { weights: model.weights }, header, body, onRead)
    return { ok: true, statement, securityBits: setup.soundness.bits, soundness: setup.soundness }
  } catch (error) {
    if (error instanceof Rejection) return { ok: false, at: error.at, reason: error.reason }
    if (error instanceof InputError) return { ok: false, at: error.argument, reason: error.message }
    return { ok: false, at: 'verifier', reason: error instanceof Error ? error.message : String(error) }
  }
}
