/** The prover: load a quantised model, commit to it, generate, prove. */
import { loadBackend } from './backend/index.ts'
import { loadTokenizer, type TextTokenizer } from './import/tokenizer.ts'
import { readModel } from './models/integer/store.ts'
import { IntegerModel } from './models/integer/model.ts'
import { newSeed } from './state/state.ts'
import { type CommittedModel, commitModel, proveRun, renewModel, reopenModel, type StageHook } from './proof/prove.ts'

export { InputError, InternalError } from './errors.ts'
export type { CommittedModel } from './proof/prove.ts'

export interface ProveInput {
  readonly prompt: string | readonly number[]
  readonly maxNewTokens: number
  /** Keeps the prompt's tokens out of the statement. */
  readonly privatePrompt?: boolean
}

export interface ProveOptions {
  readonly onProgress?: (progress: { stage: string; done: number; total: number }) => void
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly text: string
  readonly promptTokens: readonly number[]
  readonly tokens: readonly number[]
  /** Bytes of the proof file. */
  readonly proof: Uint8Array
  /** Seconds by stage. */
  readonly seconds: Readonly<Record<string, number>>
  readonly securityBits: number
  readonly lookups: number
  readonly committedValues: number
}

/** Lets pending events (a Ctrl-C, a progress line) through. */
const breathe = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export const stageHook = ({ onProgress, signal }: ProveOptions): StageHook => async (stage, done, total) => {
  onProgress?.({ stage, done, total })
  await breathe()
  signal?.throwIfAborted()
}

/** A model on disk, ready to be committed to. */
export class Model {
  readonly integer: IntegerModel
  readonly tokenizer: TextTokenizer
  readonly #weights: ReadonlyMap<string, Int16Array>
  #committed: CommittedModel | undefined

  constructor(integer: IntegerModel, weights: ReadonlyMap<string, Int16Array>, tokenizer: TextTokenizer) {
    this.integer = integer
    this.#weights = weights
    this.tokenizer = tokenizer
  }

  tokens(prompt: string | readonly number[]): readonly number[] {
    return typeof prompt === 'string' ? this.tokenizer.encode(prompt) : prompt
  }

  /**
   * Commits to the weights.
   * @param options.seed 32 secret bytes behind all its randomness (default: fresh ones)
   * @param options.openings proofs that the commitment must hide; the caller counts them (default 256)
   * @returns the commitment file and what proofs need
   */
  commit(options: { seed?: Uint8Array; openings?: number } = {}): CommittedModel {
    const { description, backend } = this.integer
    this.#committed = commitModel(backend, description, this.#weights, options.seed ?? newSeed(), options.openings ?? 256)
    return this.#committed
  }

  /** The committed model behind a commitment file and its seed. @throws InputError when they do not match */
  reopen(file: Uint8Array, seed: Uint8Array): CommittedModel {
    const { description, backend } = this.integer
    this.#committed = reopenModel(backend, description, this.#weights, seed, file)
    return this.#committed
  }

  /**
   * Renews the latest commitment: the same weights under a new seed, with a proof that they are the same.
   * Costs one opening of either.
   */
  async renew(options: { seed?: Uint8Array; openings?: number } = {}): Promise<CommittedModel> {
    const old = this.#committed ?? this.commit()
    this.#committed = await renewModel(old, this.#weights, options.seed ?? newSeed(), options.openings ?? 256)
    return this.#committed
  }

  /** Greedy generation in integers, with its proof against the latest commitment. Costs one opening. */
  async prove(input: ProveInput, options: ProveOptions = {}): Promise<Answer> {
    const target = this.#committed ?? this.commit()
    const prompt = this.tokens(input.prompt)
    const hook = stageHook(options)
    const start = performance.now()
    const run = await target.model.generate(prompt, input.maxNewTokens, done => hook('generate', done, input.maxNewTokens))
    const generate = (performance.now() - start) / 1000
    const proof = await proveRun(target, run, { privatePrompt: input.privatePrompt, onStage: hook })
    return {
      text: this.tokenizer.decode([...run.generated]),
      promptTokens: run.prompt,
      tokens: run.generated,
      proof: proof.file,
      seconds: { generate, ...proof.seconds },
      securityBits: proof.setup.soundness.bits,
      lookups: proof.setup.lookups.used,
      committedValues: proof.setup.layouts.witness.length,
    }
  }
}

/** Loads a calibrated model directory. @throws InputError naming the file that is missing or wrong */
export const load = (dir: string): Model => {
  const { description, weights } = readModel(dir)
  return new Model(new IntegerModel(description, weights, loadBackend()), weights, loadTokenizer(dir))
}
