/** Verification of training: one window, or a run from its first commitment to its last. Never throws. */
import { hexToBytes } from '@noble/hashes/utils.js'
import { InputError } from '../errors.ts'
import { canonicalJson } from '../models/integer/description.ts'
import { digestOf } from '../proof/files.ts'
import { Rejection } from '../proof/rejection.ts'
import { setUp } from '../proof/setup.ts'
import { verifyCore } from '../proof/verify-core.ts'
import { boundaries, decodeRun, type RunStatement, type TrainingVerdict } from './api.ts'
import {
  type ClassificationStatement,
  decodeClassification,
  decodeDataCommitment,
  decodeStateCommitment,
  decodeTrainingProof,
  type TrainingStatement,
} from './files.ts'
import { classificationProgram } from './program/classification.ts'
import { windowProgram } from './program/window.ts'

/** The bytes of one link's public files. */
export interface Link {
  readonly run: RunStatement
  readonly data: Uint8Array
  readonly before: Uint8Array
  readonly after: Uint8Array
  readonly proof: Uint8Array
}

const refuse = (at: string, reason: string): never => {
  throw new Rejection(at, reason)
}

/** What the proof's statement must be. */
const checkStatement = ({ run, data, before, after }: Link, statement: TrainingStatement): void => {
  const same = (at: keyof TrainingStatement, expected: unknown): void => {
    if (canonicalJson(statement[at]) !== canonicalJson(expected)) {
      refuse(`statement/${at}`, `the proof is about another ${NAMES[at] ?? at}`)
    }
  }
  same('config', run.config)
  same('examples', run.examples)
  same('samplingSeed', run.samplingSeed)
  same('data', digestOf(data))
  same('before', digestOf(before))
  same('after', digestOf(after))
  const { firstStep, steps } = statement
  if (firstStep >= run.steps || firstStep % run.config.window !== 0) {
    refuse('statement/firstStep', `step ${firstStep} begins no window of the run`)
  }
  const expected = Math.min(run.config.window, run.steps - firstStep)
  if (steps !== expected)
    refuse('statement/steps', `expected ${expected} steps from ${firstStep}, got ${steps}`)
}

/** One classification against the commitment of a state, the last of a run or any other. */
export const verifyClassification = (
  proof: Uint8Array,
  commitment: Uint8Array,
  onRead?: (tag: string, length: number) => void,
):
  | { readonly ok: true; readonly statement: ClassificationStatement; readonly securityBits: number }
  | Exclude<TrainingVerdict, { ok: true }> => {
  let statement: ClassificationStatement | undefined
  const outcome = verdict('', () => {
    const decoded = decodeClassification(proof)
    statement = decoded.statement
    const { commitment: digest, classes, images } = statement
    if (digest !== digestOf(commitment))
      refuse('statement/commitment', 'the proof is about another commitment')
    const { config, committed } = decodeStateCommitment(commitment)
    const { channels, height, width } = config.input
    const bytes = classes.length * channels * height * width
    if (images !== null && images.length !== 2 * bytes)
      refuse('statement/images', `expected ${bytes} bytes, got ${images.length / 2}`)
    const stray = classes.find(c => c >= config.classes)
    if (stray !== undefined)
      refuse('statement/classes', `expected classes below ${config.classes}, got ${stray}`)
    const { program } = classificationProgram({
      config,
      classes,
      pixels: images === null ? undefined : hexToBytes(images),
    })
    const setup = setUp(program, { weights: committed.shape })
    verifyCore(setup, { weights: committed }, decoded.header, decoded.body, onRead)
    return setup.soundness.bits
  })
  return outcome.ok && statement
    ? { ...outcome, statement }
    : (outcome as Exclude<TrainingVerdict, { ok: true }>)
}

const NAMES: Partial<Record<keyof TrainingStatement, string>> = {
  config: 'description',
  examples: 'number of examples',
  samplingSeed: 'sampling seed',
  data: 'data set',
  before: 'state before',
  after: 'state after',
}

/** @throws Rejection */
const checkLink = (
  link: Link,
  onRead?: (tag: string, length: number) => void,
): { statement: TrainingStatement; securityBits: number } => {
  const { run } = link
  const { statement, header, body } = decodeTrainingProof(link.proof)
  checkStatement(link, statement)
  const data = decodeDataCommitment(link.data)
  const before = decodeStateCommitment(link.before)
  const after = decodeStateCommitment(link.after)
  if (data.examples !== run.examples || canonicalJson(data.input) !== canonicalJson(run.config.input)) {
    refuse('data', `expected ${run.examples} examples of the run's shape, got ${data.examples}`)
  }
  for (const [at, state] of [
    ['before', before],
    ['after', after],
  ] as const) {
    if (canonicalJson(state.config) !== canonicalJson(run.config))
      refuse(at, 'it commits to a state of another description')
  }
  const { program } = windowProgram({
    config: run.config,
    examples: run.examples,
    seed: hexToBytes(run.samplingSeed),
    firstStep: statement.firstStep,
    steps: statement.steps,
  })
  const commitments = { weights: before.committed, next: after.committed, data: data.committed }
  const setup = setUp(program, {
    weights: before.committed.shape,
    next: after.committed.shape,
    data: data.committed.shape,
  })
  verifyCore(setup, commitments, header, body, onRead)
  return { statement, securityBits: setup.soundness.bits }
}

const verdict = (at: string, check: () => number): TrainingVerdict => {
  try {
    return { ok: true, securityBits: check() }
  } catch (error) {
    if (error instanceof Rejection)
      return { ok: false, at: at ? `${at}: ${error.at}` : error.at, reason: error.reason }
    if (error instanceof InputError) return { ok: false, at: at || 'run', reason: error.message }
    return { ok: false, at: at || 'proof', reason: error instanceof Error ? error.message : String(error) }
  }
}

/** One window. */
export const verifyWindow = (link: Link, onRead?: (tag: string, length: number) => void): TrainingVerdict =>
  verdict('', () => checkLink(link, onRead).securityBits)

/**
 * A whole run, link by link: yields after each link that holds, for progress and a way to stop.
 * @param commitments of the state before step 0, after each window
 * @param proofs one between neighbours
 * @returns the verdict; it is none before the end
 */
export function* verifyLinks(
  run: Uint8Array,
  data: Uint8Array,
  commitments: readonly Uint8Array[],
  proofs: readonly Uint8Array[],
): Generator<void, TrainingVerdict, void> {
  let decoded: RunStatement
  try {
    decoded = decodeRun(run)
  } catch (error) {
    return error instanceof Rejection
      ? { ok: false, at: error.at, reason: error.reason }
      : { ok: false, at: 'run', reason: String(error) }
  }
  const ends = boundaries(decoded)
  if (commitments.length !== ends.length) {
    return {
      ok: false,
      at: 'chain',
      reason: `expected ${ends.length} commitments for ${decoded.steps} steps, got ${commitments.length}`,
    }
  }
  if (proofs.length !== ends.length - 1) {
    return {
      ok: false,
      at: 'chain',
      reason: `expected ${ends.length - 1} proofs for ${decoded.steps} steps, got ${proofs.length}`,
    }
  }
  let bits = Number.POSITIVE_INFINITY
  for (const [k, proof] of proofs.entries()) {
    const [first, end] = [ends[k] as number, ends[k + 1] as number]
    const link = {
      run: decoded,
      data,
      before: commitments[k] as Uint8Array,
      after: commitments[k + 1] as Uint8Array,
      proof,
    }
    const one = verdict(`steps ${first} to ${end}`, () => {
      const { statement, securityBits } = checkLink(link)
      if (statement.firstStep !== first)
        refuse('statement/firstStep', `expected ${first}, got ${statement.firstStep}`)
      return securityBits
    })
    if (!one.ok) return one
    bits = Math.min(bits, one.securityBits)
    yield
  }
  return { ok: true, securityBits: bits }
}

/** A whole run at once; arguments as of `verifyLinks`. */
export const verifyChain = (...run: Parameters<typeof verifyLinks>): TrainingVerdict => {
  const links = verifyLinks(...run)
  for (;;) {
    const next = links.next()
    if (next.done) return next.value
  }
}
