/** Commitments to models and proofs of inference, as objects: the prover's library. */
import { createCipheriv, randomFillSync } from 'node:crypto'
import type { Backend } from '../backend/backend.ts'
import { chooseShape, type CommitmentShape, renewShape } from '../commit/geometry.ts'
import type { Committed } from '../commit/prove.ts'
import { InputError } from '../errors.ts'
import { IntegerModel, type Run } from '../models/integer/model.ts'
import { build, sequenceOf } from '../models/integer/program.ts'
import type { ModelDescription } from '../models/integer/description.ts'
import { layoutTensors } from '../program/layout.ts'
import { BLIND_NAME } from './commitment.ts'
import { decodeCommitment, digestOf, encodeCommitment, encodeProof, type Statement, statementBytes } from './files.ts'
import { proveCore } from './prove-core.ts'
import { proveRenewal } from './prove-renewal.ts'
import type { RandomFill } from './random.ts'
import { type Setup, setUp } from './setup.ts'
import type { Field } from './stream.ts'
import { commitWeights, drawBlind, drawTail, weightsStack } from './weights.ts'

/** All randomness of a commitment, as the key stream of AES-256 in counter mode under its 32-byte seed. */
export const seededFill = (seed: Uint8Array): RandomFill => {
  if (seed.length !== 32) throw new InputError('seed', '32 bytes', `${seed.length}`)
  const cipher = createCipheriv('aes-256-ctr', seed, new Uint8Array(16))
  return bytes => {
    bytes.set(cipher.update(new Uint8Array(bytes.length)))
  }
}

export const systemRandom: RandomFill = bytes => {
  randomFillSync(bytes)
}

/** A model committed to: what the public sees, and what proofs against it need. */
export interface CommittedModel {
  readonly model: IntegerModel
  readonly file: Uint8Array
  readonly digest: string
  readonly committed: Committed
}

export type StageHook = (stage: string, done: number, total: number) => void | Promise<void>

/** Witness entries of a typical proof, for choosing the row length: 64 positions, 32 of them generated. */
const typicalWitness = (description: ModelDescription): number => {
  const count = Math.min(64, description.config.maxPositions)
  const generated = Math.max(1, count >> 1)
  const zeros = (n: number): number[] => Array.from({ length: n }, () => 0)
  const { program } = build(description, sequenceOf(zeros(count - generated + 1), zeros(generated)))
  return layoutTensors(program.witness).length
}

/** The weights' side of a commitment: everything that follows from model, seed and shape. */
const materialise = (
  backend: Backend,
  description: ModelDescription,
  weights: ReadonlyMap<string, Int16Array>,
  seed: Uint8Array,
  shapeOf: (length: number) => CommitmentShape,
): CommittedModel => {
  const random = seededFill(seed)
  const blinded = new Map(weights).set(BLIND_NAME, drawBlind(random))
  const model = new IntegerModel(description, blinded, backend)
  const { program } = build(description, sequenceOf([0], [0]))
  const layout = layoutTensors(program.weights)
  const shape = shapeOf(layout.length)
  const stack = weightsStack(program.weights, layout, t => model.weight(t))
  const tail = drawTail(shape, random)
  const { committed, commitment } = commitWeights(backend, shape, program.weights, layout, stack, tail)
  const file = encodeCommitment({ description, weights: commitment })
  return { model, file, digest: digestOf(file), committed }
}

/**
 * Commits to a model's weights.
 * @param seed 32 secret bytes; the same seed and openings give the same commitment
 * @param openings how many proofs the commitment must hide
 */
export const commitModel = (
  backend: Backend,
  description: ModelDescription,
  weights: ReadonlyMap<string, Int16Array>,
  seed: Uint8Array,
  openings: number,
): CommittedModel =>
  materialise(backend, description, weights, seed, length => chooseShape(length, openings, typicalWitness(description)))

/**
 * Commits to the same weights under a new seed, and proves that they are the same. Costs one opening of each commitment.
 * @param openings how many proofs the new commitment must hide
 */
export const renewModel = async (
  old: CommittedModel,
  weights: ReadonlyMap<string, Int16Array>,
  seed: Uint8Array,
  openings: number,
): Promise<CommittedModel> => {
  const { backend, description } = old.model
  const commitment = decodeCommitment(old.file)
  const next = materialise(backend, description, weights, seed, () => renewShape(commitment.weights.shape, openings))
  const { weights: renewed } = decodeCommitment(next.file)
  const proof = await proveRenewal(
    backend,
    { commitment, digest: old.digest, committed: old.committed },
    { commitment: renewed, committed: next.committed },
    systemRandom,
  )
  const renews = { original: commitment.renews?.original ?? old.digest, previous: old.digest, proof }
  const file = encodeCommitment({ description, weights: renewed, renews })
  return { ...next, file, digest: digestOf(file) }
}

/**
 * The committed model behind an existing commitment file, recomputed from the model and the seed.
 * @throws InputError when model, seed and file do not belong together
 */
export const reopenModel = (
  backend: Backend,
  description: ModelDescription,
  weights: ReadonlyMap<string, Int16Array>,
  seed: Uint8Array,
  file: Uint8Array,
): CommittedModel => {
  const stored = decodeCommitment(file)
  const made = materialise(backend, description, weights, seed, () => stored.weights.shape)
  const own = encodeCommitment({ ...decodeCommitment(made.file), renews: stored.renews })
  const again = { ...made, file: own, digest: digestOf(own) }
  if (again.digest !== digestOf(file)) {
    throw new InputError('commitment', 'the commitment of this model', 'one of other weights, or of another state')
  }
  return again
}

export interface InferenceProof {
  readonly file: Uint8Array
  readonly statement: Statement
  readonly setup: Setup
  readonly fields: readonly Field[]
  readonly seconds: Readonly<Record<string, number>>
}

/** Proves a finished run. One opening of the commitment's budget must have been reserved for it. */
export const proveRun = async (
  target: CommittedModel,
  run: Run,
  options: { privatePrompt?: boolean; onStage?: StageHook; random?: RandomFill } = {},
): Promise<InferenceProof> => {
  const prompt = options.privatePrompt ? run.prompt.map(() => null) : [...run.prompt]
  const statement: Statement = { kind: 'inference', commitment: target.digest, prompt, generated: run.generated }
  const { weights } = decodeCommitment(target.file)
  const start = performance.now()
  const { program, nodes } = build(target.model.description, sequenceOf(prompt, run.generated))
  const execution = target.model.witness(run, program, nodes)
  const setup = setUp(program, { weights: weights.shape })
  const planned = (performance.now() - start) / 1000
  const { proof, fields, seconds } = await proveCore({
    setup,
    commitments: { weights },
    committed: { weights: target.committed },
    statement: statementBytes(statement),
    values: t => (t.commitment === 'weights' ? target.model.weight(t) : execution.values(t)),
    random: options.random ?? systemRandom,
    backend: target.model.backend,
    onStage: options.onStage,
  })
  return { file: encodeProof(statement, proof), statement, setup, fields, seconds: { plan: planned, ...seconds } }
}
