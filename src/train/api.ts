/** A training run as the public sees it, and what the run directory asks of prover and verifier. */
import { hexToBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import type { Backend } from '../backend/backend.ts'
import { canonicalJson } from '../models/integer/description.ts'
import { Rejection } from '../proof/rejection.ts'
import { type TrainingConfig, trainingSchema } from './config.ts'
import type { Dataset } from './data/dataset.ts'
import type { State } from './integer/state.ts'
import type { WindowValues } from './integer/values.ts'
import { MAX_EXAMPLES } from './sampling.ts'

const FORMAT = 'proofmark-training'
const VERSION = 1
export const MAX_STEPS = 2 ** 24
const MAX_RUN_BYTES = 1 << 20

/** What a chain of proofs is about, besides its commitments: the whole of run.json. */
export interface RunStatement {
  readonly config: TrainingConfig
  /** n, the size of the data set. */
  readonly examples: number
  /** 32 bytes in hex. */
  readonly samplingSeed: string
  /** Steps of the whole run; the last window may be shorter than the others. */
  readonly steps: number
}

const runSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  config: trainingSchema,
  examples: z.int().min(1).max(MAX_EXAMPLES),
  samplingSeed: z.string().regex(/^[0-9a-f]{64}$/),
  steps: z.int().min(1).max(MAX_STEPS),
})

/** Canonical JSON: one text for one statement. */
export const encodeRun = ({ config, examples, samplingSeed, steps }: RunStatement): Uint8Array =>
  new TextEncoder().encode(
    canonicalJson({ format: FORMAT, version: VERSION, config, examples, samplingSeed, steps }),
  )

/** @throws Rejection at `run`, naming the field that is wrong */
export const decodeRun = (bytes: Uint8Array): RunStatement => {
  if (bytes.length > MAX_RUN_BYTES) throw new Rejection('run', `more than ${MAX_RUN_BYTES} bytes`)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Rejection('run', 'not JSON text')
  }
  const version = (json as { version?: unknown } | null)?.version
  if (typeof version === 'number' && version !== VERSION)
    throw new Rejection('run', `expected version ${VERSION}, got ${version}`)
  const parsed = runSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new Rejection('run', `${issue?.path.join('.') || 'value'}: ${issue?.message}`)
  }
  const { config, examples, samplingSeed, steps } = parsed.data
  const run = { config, examples, samplingSeed, steps }
  const again = encodeRun(run)
  if (again.length !== bytes.length || again.some((b, i) => b !== bytes[i]))
    throw new Rejection('run', 'not in canonical form')
  if (config.batch > examples)
    throw new Rejection('run', `a batch of ${config.batch} is larger than the data set of ${examples}`)
  return run
}

export const samplingSeedOf = (run: RunStatement): Uint8Array => hexToBytes(run.samplingSeed)

/** The steps before which a run commits to its state: 0, T, 2 T, .., and the number of steps. */
export const boundaries = ({ config, steps }: RunStatement): number[] => {
  const out: number[] = []
  for (let step = 0; step < steps; step += config.window) out.push(step)
  return [...out, steps]
}

/** A commitment's public file, its digest in hex, and what proofs against it need. */
export interface Commitment<C = unknown> {
  readonly file: Uint8Array
  readonly digest: string
  readonly committed: C
}

export type StageHook = (stage: string, done: number, total: number) => void | Promise<void>

export interface WindowRequest<C = unknown> {
  readonly config: TrainingConfig
  readonly examples: number
  readonly samplingSeed: Uint8Array
  readonly firstStep: number
  readonly steps: number
  readonly data: { readonly commitment: Commitment<C>; readonly dataset: Dataset }
  readonly before: { readonly commitment: Commitment<C>; readonly state: State }
  readonly after: { readonly commitment: Commitment<C>; readonly state: State }
  /** Of the integer trainer, for exactly these steps. */
  readonly values: WindowValues
}

export interface WindowProof {
  readonly file: Uint8Array
  /** By stage. */
  readonly seconds: Readonly<Record<string, number>>
  readonly securityBits: number
}

/** The prover of windows. Commitments are functions of their arguments alone: the same seed gives the same file. */
export interface TrainingProver<C = unknown> {
  /** @param openings proofs that the commitment must hide */
  commitData(
    backend: Backend,
    config: TrainingConfig,
    dataset: Dataset,
    seed: Uint8Array,
    openings: number,
  ): Commitment<C> | Promise<Commitment<C>>
  /** @param data the file of the data set's commitment */
  commitState(
    backend: Backend,
    config: TrainingConfig,
    state: State,
    data: Uint8Array,
    seed: Uint8Array,
    openings: number,
  ): Commitment<C> | Promise<Commitment<C>>
  /** Costs one opening of each of its three commitments. */
  proveWindow(
    backend: Backend,
    request: WindowRequest<C>,
    options: { readonly onStage?: StageHook },
  ): Promise<WindowProof>
}

export type TrainingVerdict =
  | { readonly ok: true; readonly securityBits: number }
  | { readonly ok: false; readonly at: string; readonly reason: string }

export interface TrainingVerifier {
  /** One link; never throws. All but `run` are bytes of public files. */
  verifyWindow(link: {
    readonly run: RunStatement
    readonly data: Uint8Array
    readonly before: Uint8Array
    readonly after: Uint8Array
    readonly proof: Uint8Array
  }): TrainingVerdict
  /**
   * A whole run, from its first commitment to its last; never throws. Yields after each link that holds.
   * @param commitments one a boundary
   * @param proofs one between neighbours
   */
  verifyLinks(
    run: Uint8Array,
    data: Uint8Array,
    commitments: readonly Uint8Array[],
    proofs: readonly Uint8Array[],
  ): Generator<void, TrainingVerdict, void>
}
