/** The public files of training: commitments to states and data sets, and proofs of windows. */
import { z } from 'zod'
import { canonicalJson } from '../models/integer/description.ts'
import type { WeightsCommitment } from '../proof/commitment.ts'
import {
  COMMITMENT_VERSION,
  committedFields,
  type Decoded,
  decodeCommitted,
  decodeEnvelope,
  encodeCommitted,
  hex,
  parseCommitment,
  requireCanonical,
} from '../proof/files.ts'
import { type TrainingConfig, trainingSchema } from './config.ts'
import { MAX_EXAMPLES } from './sampling.ts'

const FORMAT = 'proofmark-training-commitment'

const header = { format: z.literal(FORMAT), version: z.literal(COMMITMENT_VERSION) }
const stateSchema = z.strictObject({
  ...header,
  kind: z.literal('state'),
  config: trainingSchema,
  ...committedFields,
})
const dataSchema = z.strictObject({
  ...header,
  kind: z.literal('data'),
  input: trainingSchema.shape.input,
  examples: z.int().min(1).max(MAX_EXAMPLES),
  ...committedFields,
})

/** Weights before or after a step, in the layout of a description's network. */
export interface StateCommitment {
  readonly config: TrainingConfig
  readonly committed: WeightsCommitment
}

export interface DataCommitment {
  readonly input: TrainingConfig['input']
  readonly examples: number
  readonly committed: WeightsCommitment
}

const encode = (kind: string, about: object, committed: WeightsCommitment): Uint8Array =>
  new TextEncoder().encode(
    canonicalJson({
      format: FORMAT,
      version: COMMITMENT_VERSION,
      kind,
      ...about,
      ...encodeCommitted(committed),
    }),
  )

export const encodeStateCommitment = ({ config, committed }: StateCommitment): Uint8Array =>
  encode('state', { config }, committed)

export const encodeDataCommitment = ({ input, examples, committed }: DataCommitment): Uint8Array =>
  encode('data', { input, examples }, committed)

/** @throws Rejection naming the field that is wrong */
export const decodeStateCommitment = (bytes: Uint8Array): StateCommitment => {
  const parsed = parseCommitment(stateSchema, bytes)
  const value = { config: parsed.config, committed: decodeCommitted(parsed) }
  requireCanonical('commitment', bytes, encodeStateCommitment(value))
  return value
}

/** @throws Rejection naming the field that is wrong */
export const decodeDataCommitment = (bytes: Uint8Array): DataCommitment => {
  const parsed = parseCommitment(dataSchema, bytes)
  const value = { input: parsed.input, examples: parsed.examples, committed: decodeCommitted(parsed) }
  requireCanonical('commitment', bytes, encodeDataCommitment(value))
  return value
}

/** What a window's proof says (spec/training.md, section 1). Commitments are named by the BLAKE3 of their files. */
export interface TrainingStatement {
  readonly kind: 'training'
  readonly config: TrainingConfig
  readonly examples: number
  readonly samplingSeed: string
  readonly firstStep: number
  readonly steps: number
  readonly data: string
  readonly before: string
  readonly after: string
}

const statementSchema: z.ZodType<TrainingStatement> = z.strictObject({
  kind: z.literal('training'),
  config: trainingSchema,
  examples: z.int().min(1).max(MAX_EXAMPLES),
  samplingSeed: hex(32),
  firstStep: z
    .int()
    .min(0)
    .max(2 ** 24),
  steps: z.int().min(1).max(1024),
  data: hex(32),
  before: hex(32),
  after: hex(32),
})

/** What a classification's proof says: the network of a committed state gives these classes (spec/training.md, section 9). */
export interface ClassificationStatement {
  readonly kind: 'classification'
  /** BLAKE3 of the state's commitment file. */
  readonly commitment: string
  /** One an image. */
  readonly classes: readonly number[]
  /** Bytes of all images in hex; null where they are private. */
  readonly images: string | null
}

/** The most images of one proof. */
export const MAX_IMAGES = 1024

const classificationSchema: z.ZodType<ClassificationStatement> = z.strictObject({
  kind: z.literal('classification'),
  commitment: hex(32),
  classes: z.array(z.int().min(0).max(16383)).min(1).max(MAX_IMAGES),
  images: z
    .string()
    .regex(/^([0-9a-f]{2})*$/)
    .nullable(),
})

/** @throws Rejection naming the field that is wrong */
export const decodeClassification = (bytes: Uint8Array): Decoded<ClassificationStatement> =>
  decodeEnvelope(classificationSchema, bytes)

/** @throws Rejection naming the field that is wrong */
export const decodeTrainingProof = (bytes: Uint8Array): Decoded<TrainingStatement> =>
  decodeEnvelope(statementSchema, bytes)
