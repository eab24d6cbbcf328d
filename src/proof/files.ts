/**
 * The two public files. A commitment file is canonical JSON: the model's description, the code's shape, the root and
 * the out-of-domain value. A proof file is a binary envelope: magic, version, statement (canonical JSON), body.
 */
import { blake3 } from '@noble/hashes/blake3.js'
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { P } from '../field/goldilocks.ts'
import { canonicalJson, descriptionSchema, type ModelDescription } from '../models/integer/description.ts'
import { DIGEST_BYTES } from '../commit/merkle.ts'
import type { WeightsCommitment } from './commitment.ts'
import { Rejection } from './rejection.ts'

export const COMMITMENT_FORMAT = 'proofmark-commitment'
export const COMMITMENT_VERSION = 1
export const PROOF_MAGIC = 'PROOFMRK'
export const PROOF_VERSION = 1
/** No file of ours comes near these. */
const MAX_COMMITMENT_BYTES = 16 << 20
const MAX_PROOF_BYTES = 256 << 20
const MAX_STATEMENT_BYTES = 4 << 20

export interface ModelCommitment {
  readonly description: ModelDescription
  readonly weights: WeightsCommitment
  /** Set on a renewed commitment: digests of the file before it and of the chain's first, and the proof. */
  readonly renews?: { readonly original: string; readonly previous: string; readonly proof: Uint8Array }
}

/** What a proof of inference says, beside the commitment that it names. */
export interface Statement {
  readonly kind: 'inference'
  /** BLAKE3 of the commitment file. */
  readonly commitment: string
  /** Prompt tokens; null where private. */
  readonly prompt: readonly (number | null)[]
  /** Generated tokens: each the argmax of its position. */
  readonly generated: readonly number[]
}

export const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`))
// A refinement also sees strings that the pattern has refused.
const field = z.string().regex(/^(0|[1-9][0-9]{0,19})$/).refine(s => /^[0-9]+$/.test(s) && BigInt(s) < P)
const token = z.int().min(0).max(2 ** 24)

/** What every commitment file says of its commitment. */
export const committedFields = {
  shape: z
    .strictObject({
      logRow: z.int().min(6).max(26),
      logDomain: z.int().min(7).max(32),
      rows: z.int().min(1).max(2 ** 16),
      tail: z.int().min(0).max(2 ** 26),
    })
    .refine(s => s.logDomain > s.logRow && s.tail <= 2 ** s.logRow, 'no code'),
  root: hex(DIGEST_BYTES),
  outside: z.tuple([field, field]),
}

export const encodeCommitted = ({ shape, root, outside }: WeightsCommitment): object => ({
  shape,
  root: bytesToHex(root),
  outside: outside.map(String),
})

export const decodeCommitted = (fields: z.infer<z.ZodObject<typeof committedFields>>): WeightsCommitment => ({
  shape: fields.shape,
  root: hexToBytes(fields.root),
  outside: [BigInt(fields.outside[0]), BigInt(fields.outside[1])],
})

const commitmentSchema = z.strictObject({
  format: z.literal(COMMITMENT_FORMAT),
  version: z.literal(COMMITMENT_VERSION),
  model: descriptionSchema,
  ...committedFields,
  renews: z
    .strictObject({ original: hex(32), previous: hex(32), proof: z.string().regex(/^([0-9a-f]{2})*$/) })
    .optional(),
})

const statementSchema = z.strictObject({
  kind: z.literal('inference'),
  commitment: hex(32),
  prompt: z.array(token.nullable()).min(1).max(2 ** 17),
  generated: z.array(token).min(1).max(2 ** 17),
})

export const digestOf = (commitmentFile: Uint8Array): string => bytesToHex(blake3(commitmentFile))

export const encodeCommitment = (value: ModelCommitment): Uint8Array =>
  new TextEncoder().encode(
    canonicalJson({
      format: COMMITMENT_FORMAT,
      version: COMMITMENT_VERSION,
      model: value.description,
      ...encodeCommitted(value.weights),
      ...(value.renews && { renews: { ...value.renews, proof: bytesToHex(value.renews.proof) } }),
    }),
  )

const parseJson = (at: string, bytes: Uint8Array): unknown => {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return JSON.parse(text)
  } catch {
    throw new Rejection(at, 'not JSON text')
  }
}

const issue = (error: z.ZodError): string => {
  const first = error.issues[0]
  return first ? `${first.path.join('.') || 'value'}: ${first.message}` : 'malformed'
}

/**
 * A commitment file's JSON, of one of our versions.
 * @throws Rejection naming the field that is wrong
 */
export const parseCommitment = <S extends z.ZodType>(schema: S, bytes: Uint8Array): z.infer<S> => {
  if (bytes.length > MAX_COMMITMENT_BYTES) throw new Rejection('commitment', `more than ${MAX_COMMITMENT_BYTES} bytes`)
  const json = parseJson('commitment', bytes)
  const version = (json as { version?: unknown } | null)?.version
  if (typeof version === 'number' && version !== COMMITMENT_VERSION) {
    throw new Rejection('commitment', `expected version ${COMMITMENT_VERSION}, got ${version}`)
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw new Rejection('commitment', issue(parsed.error))
  return parsed.data
}

/** @throws Rejection where a file's bytes are not those its content is written as */
export const requireCanonical = (at: string, bytes: Uint8Array, again: Uint8Array): void => {
  if (again.length !== bytes.length || again.some((b, i) => b !== bytes[i])) {
    throw new Rejection(at, 'not in canonical form')
  }
}

/** @throws Rejection naming the field that is wrong */
export const decodeCommitment = (bytes: Uint8Array): ModelCommitment => {
  const parsed = parseCommitment(commitmentSchema, bytes)
  const { model, renews } = parsed
  const value: ModelCommitment = {
    description: model as ModelDescription,
    weights: decodeCommitted(parsed),
    ...(renews && { renews: { ...renews, proof: hexToBytes(renews.proof) } }),
  }
  requireCanonical('commitment', bytes, encodeCommitment(value))
  return value
}

export const statementBytes = (statement: object): Uint8Array => new TextEncoder().encode(canonicalJson(statement))

const u32 = (value: number): Uint8Array => {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}

export const encodeProof = (statement: object, body: Uint8Array): Uint8Array => {
  const header = statementBytes(statement)
  return concatBytes(new TextEncoder().encode(PROOF_MAGIC), u32(PROOF_VERSION), u32(header.length), header, body)
}

/** A proof of inference. @throws Rejection naming the field that is wrong */
export const decodeProof = (bytes: Uint8Array): Decoded<Statement> => decodeEnvelope(statementSchema, bytes)

export interface Decoded<S> {
  readonly statement: S
  readonly header: Uint8Array
  readonly body: Uint8Array
}

/** @throws Rejection naming the field that is wrong */
export const decodeEnvelope = <S extends object>(schema: z.ZodType<S>, bytes: Uint8Array): Decoded<S> => {
  if (bytes.length > MAX_PROOF_BYTES) throw new Rejection('proof', `more than ${MAX_PROOF_BYTES} bytes`)
  const start = PROOF_MAGIC.length + 8
  if (bytes.length < start) throw new Rejection('proof', `expected at least ${start} bytes, got ${bytes.length}`)
  if (new TextDecoder().decode(bytes.subarray(0, PROOF_MAGIC.length)) !== PROOF_MAGIC) {
    throw new Rejection('proof', 'not a Proofmark proof')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint32(PROOF_MAGIC.length, true)
  if (version !== PROOF_VERSION) throw new Rejection('proof', `expected version ${PROOF_VERSION}, got ${version}`)
  const length = view.getUint32(PROOF_MAGIC.length + 4, true)
  if (length > MAX_STATEMENT_BYTES || start + length > bytes.length) {
    throw new Rejection('proof', `the statement's length ${length} leaves the file`)
  }
  const header = bytes.slice(start, start + length)
  const parsed = schema.safeParse(parseJson('statement', header))
  if (!parsed.success) throw new Rejection('statement', issue(parsed.error))
  requireCanonical('statement', header, statementBytes(parsed.data))
  return { statement: parsed.data, header, body: bytes.slice(start + length) }
}
