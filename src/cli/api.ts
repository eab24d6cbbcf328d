/**
 * What the command line needs from the library: one function per verb, each from plain values to plain values. The verbs
 * read arguments, check and write files, and print; the library computes.
 */
import { InputError } from '../errors.ts'

/** How far a long computation has come: `done` of `total` units of one stage. */
export interface Progress {
  stage: string
  done: number
  total: number
  /** What else there is to say, such as a loss. */
  detail?: string
}

/** What every call gets: a signal that is aborted at Ctrl-C, and a place to report progress. */
export interface Job {
  readonly signal: AbortSignal
  onProgress(progress: Progress): void
}

/** Everything that `--json` prints; byte arrays come out as hex, bigints as decimal strings. */
export interface Report {
  [key: string]: unknown
}

export interface InspectRequest {
  /** A model directory. */
  model: string
}
export interface Inspection extends Report {
  family: string
  parameters: number
  layers: number
}

export interface CalibrateRequest {
  model: string
  /** The calibration text. */
  text: string
  /** Directory for the quantised model; exists, is empty and writable. The library writes it. */
  output: string
  /** Bits of a quantised activation, if the default is not wanted. */
  bits?: number
}
export interface Calibration extends Report {
  files: string[]
}

export interface CommitRequest {
  model: string
  /** 32 secret bytes; all randomness of the commitment derives from them. */
  seed: Uint8Array
  /** Openings that the commitment has to hide: proofs and refreshes. */
  openings: number
}
export interface Commitment extends Report {
  /** The public file. */
  bytes: Uint8Array
  /** Its digest, which binds the private state to it. */
  digest: Uint8Array
}

export interface GenerateRequest {
  model: string
  prompt: string
  maxNewTokens: number
}
export interface Generation extends Report {
  text: string
  promptTokens: number[]
  tokens: number[]
}

/** One opening of a commitment, taken out of its budget for good. */
export interface Opening {
  seed: Uint8Array
  /** Its number, below the `openings` of the commitment; nobody else ever gets it. */
  number: number
}
export interface ProveRequest extends GenerateRequest {
  /** Bytes of the public commitment. */
  commitment: Uint8Array
  /** Whether the prompt stays out of the statement. */
  privateInput: boolean
  /** The digest the state is bound to; the library refuses a commitment with another one. */
  digest: Uint8Array
  /**
   * Takes an opening. To be called exactly once, when everything else about the request has been checked, and before any
   * byte that depends on the weights' randomness is computed.
   */
  reserve(): Opening
}
export interface Proof extends Generation {
  bytes: Uint8Array
}

export interface VerifyRequest {
  proof: Uint8Array
  commitment: Uint8Array
}
/** A rejected proof is a result, not an error. */
export type Verdict = ({ ok: true } & Report) | ({ ok: false; at: string; reason: string } & Report)

export interface ExplainRequest {
  proof: Uint8Array
  /** With it the proof is verified, and its parts and security are listed. */
  commitment?: Uint8Array
}
export interface Explanation extends Report {
  /** What the proof states, and where its bytes go, as lines for people. */
  lines: string[]
}

export interface RefreshRequest {
  model: string
  /** Bytes of the old public commitment. */
  commitment: Uint8Array
  /** The digest the old state is bound to. */
  digest: Uint8Array
  /** Takes an opening of the old commitment; as in ProveRequest. */
  reserve(): Opening
  /** 32 secret bytes for the new commitment, and the openings it has to hide. */
  seed: Uint8Array
  openings: number
}

export interface TrainRequest {
  /** The description's file, and the data's: absent from a demonstration, which has its own. */
  config?: string
  data?: string
  labels?: string
  testData?: string
  testLabels?: string
  /** Examples at the data's end that are kept out of the training, to test the result. */
  holdOut?: number
  steps?: number
  /** Instead of the description's. */
  batch?: number
  window?: number
  /** 32 bytes in hex: the public sampling seed, if not a drawn one. */
  seed?: string
  /** The run directory; absent, nothing is kept (a demonstration, or training without proof). */
  output?: string
  /** Whether to prove what is trained. */
  proof: boolean
}
export interface Training extends Report {
  /** False if the chain of a demonstration does not verify. */
  ok: boolean
  lines: string[]
}

export interface ClassifyRequest {
  /** The run directory with its private part. */
  run: string
  /** Images as a data set; its labels are only compared with. */
  data: string
  labels?: string
  /** Images first .. first + count - 1 of it. */
  first: number
  count: number
  /** Whether the images stay out of the statement. */
  privateInput: boolean
}
export interface Classes extends Report {
  /** The proof. */
  bytes: Uint8Array
  classes: number[]
  /** The public file that the proof is about. */
  commitment: string
}

/** The public files of a training run, up to the first that is missing. */
export interface VerifyRunRequest {
  /** The run directory. */
  directory: string
  /** Bytes of the commitment that the chain has to end in. */
  commitment?: Uint8Array
}

export interface DemoResult extends Report {
  /** Whether the demo's proof verified, and a tampered one did not. */
  ok: boolean
  lines: string[]
}

export interface Api {
  inspect(request: InspectRequest, job: Job): Promise<Inspection>
  calibrate(request: CalibrateRequest, job: Job): Promise<Calibration>
  commit(request: CommitRequest, job: Job): Promise<Commitment>
  generate(request: GenerateRequest, job: Job): Promise<Generation>
  prove(request: ProveRequest, job: Job): Promise<Proof>
  verify(request: VerifyRequest, job: Job): Promise<Verdict>
  explain(request: ExplainRequest, job: Job): Promise<Explanation>
  /** The new commitment's file holds the proof that it hides the same weights as the old one. */
  refresh(request: RefreshRequest, job: Job): Promise<Commitment>
  demo(job: Job): Promise<DemoResult>
  train(request: TrainRequest, job: Job): Promise<Training>
  verifyRun(request: VerifyRunRequest, job: Job): Promise<Verdict>
  classify(request: ClassifyRequest, job: Job): Promise<Classes>
}

/** The functions that this build has. A verb without one refuses to run. */
export const api: Partial<Api> = {
  inspect: async (...args) => (await import('./library.ts')).inspect(...args),
  calibrate: async (...args) => (await import('./library.ts')).calibrate(...args),
  commit: async (...args) => (await import('./library.ts')).commit(...args),
  generate: async (...args) => (await import('./library.ts')).generate(...args),
  prove: async (...args) => (await import('./library.ts')).prove(...args),
  verify: async (...args) => (await import('./library.ts')).verify(...args),
  explain: async (...args) => (await import('./library.ts')).explain(...args),
  refresh: async (...args) => (await import('./library.ts')).refresh(...args),
  demo: async (...args) => (await import('./library.ts')).demo(...args),
  train: async (...args) => (await import('./training.ts')).train(...args),
  verifyRun: async (...args) => (await import('./training.ts')).verifyRun(...args),
  classify: async (...args) => (await import('./classification.ts')).classify(...args),
}

/** @throws InputError if the build lacks the function */
export function need<K extends keyof Api>(from: Partial<Api>, verb: K): Api[K] {
  const found = from[verb]
  if (!found) throw new InputError('verb', 'one that this build can run', verb)
  return found
}
