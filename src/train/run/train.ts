/**
 * Trains and proves window by window into a run directory. A window counts once its proof file is there; whatever a
 * kill interrupts before is done again, with the same numbers: training is exact, commitments follow from stored seeds.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import { writeAtomic } from '../../state/durable.ts'
import { newSeed, reserve } from '../../state/state.ts'
import type { Commitment, TrainingProver, TrainingVerifier } from '../api.ts'
import { samplingSeedOf } from '../api.ts'
import { gatherBatches } from '../data/batches.ts'
import type { Dataset } from '../data/dataset.ts'
import { initialState, type State } from '../integer/state.ts'
import type { WindowValues } from '../integer/values.ts'
import { runWindow } from '../integer/window.ts'
import { type Network, planNetwork } from '../network.ts'
import {
  commitOnce,
  openRun,
  proofOf,
  provenWindows,
  type RunDirectory,
  type WantedRun,
} from './directory.ts'
import { FILES } from './files.ts'
import { appendLog, cutLog, type LogEntry } from './log.ts'
import { encodeState, readState } from './weights.ts'

/** Proofs that a state's commitment has to serve: of two windows, again after crashes, and of answers later. */
export const STATE_BUDGET = 64
/** Proofs of windows that crashes may cost the data set's commitment. */
const SPARE_OPENINGS = 256
/** Windows of a run: every proof opens the data set's one commitment, whose rows grow with the openings it hides. */
const MAX_WINDOWS = 4096

export interface Engine<C = unknown> {
  readonly backend: Backend
  readonly prover: TrainingProver<C>
  readonly verifier: TrainingVerifier
}

export interface TrainProgress {
  /** What is being done, such as `train` or a stage of the prover. */
  readonly stage: string
  /** Steps finished, of those of the whole run. */
  readonly proven: number
  readonly steps: number
  readonly latest: Score | undefined
}

/** Steps trained so far, and means over the examples of the latest window, each before its step's update. */
export interface Score {
  readonly step: number
  readonly loss: number
  readonly accuracy: number
}

export interface TrainOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainProgress) => void
}

export interface TrainResult {
  readonly directory: RunDirectory
  readonly network: Network
  /** Steps that were proven before. */
  readonly resumedAt: number
  /** After the last step. */
  readonly state: State
  readonly latest: Score | undefined
  readonly proofBytes: number
  /** Of this call's proofs, by stage of the prover; `train` of the integer training. */
  readonly seconds: Readonly<Record<string, number>>
  /** Of the weakest proof made; undefined if there was none to make. */
  readonly securityBits: number | undefined
}

/** Lets pending events (a Ctrl-C, a progress line) through. */
const breathe = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/**
 * @param dataset as the configuration wants it
 * @throws InputError if the directory holds another run or its data set was another one; if an opening budget is spent;
 *   naming stage and step if a value leaves its range. An abort leaves a directory to go on with.
 */
export async function trainRun<C>(
  engine: Engine<C>,
  path: string,
  wanted: WantedRun,
  dataset: Dataset,
  { signal, onProgress }: TrainOptions = {},
): Promise<TrainResult> {
  const most = MAX_WINDOWS * wanted.config.window
  if (wanted.steps > most)
    throw new InputError(
      'steps',
      `at most ${most}: ${MAX_WINDOWS} proofs of ${wanted.config.window} steps`,
      `${wanted.steps}`,
    )
  const directory = openRun(path, wanted)
  const { run, boundaries } = directory
  const { config } = run
  const network = planNetwork(config)
  const sampling = samplingSeedOf(run)
  const at = (name: string): string => join(path, name)
  const windows = boundaries.length - 1
  const done = provenWindows(directory)
  const resumedAt = boundaries[done] as number
  let latest = scoreOf(cutLog(at(FILES.log), resumedAt).slice(-config.window))
  const report = async (stage: string, proven: number): Promise<void> => {
    onProgress?.({ stage, proven, steps: run.steps, latest })
    await breathe()
    signal?.throwIfAborted()
  }
  await report('open', resumedAt)
  if (done > 0) checkLast(engine, directory, done - 1)
  let state = startState(directory, network, resumedAt)
  const seconds: Record<string, number> = {}
  const spend = (stage: string, amount: number): void => {
    seconds[stage] = (seconds[stage] ?? 0) + amount
  }
  let securityBits: number | undefined
  const finish = (): TrainResult => ({
    directory,
    network,
    resumedAt,
    state,
    latest,
    proofBytes: boundaries
      .slice(1)
      .reduce((sum, _, w) => sum + readFileSync(at(proofOf(boundaries, w))).length, 0),
    seconds,
    securityBits,
  })
  if (done === windows) return finish()

  await report('commit to the data', resumedAt)
  const dataFiles = { file: FILES.data, state: FILES.dataState }
  const data = await commitOnce(directory, dataFiles, windows + SPARE_OPENINGS, 'data', (seed, openings) =>
    engine.prover.commitData(engine.backend, config, dataset, seed, openings),
  )
  const commit = (step: number, of: State): Promise<Commitment<C>> =>
    commitOnce(
      directory,
      { file: FILES.chain(step), state: FILES.chainState(step) },
      STATE_BUDGET,
      `state before step ${step}`,
      (seed, openings) => engine.prover.commitState(engine.backend, config, of, data.file, seed, openings),
    )
  await report('commit', resumedAt)
  let before = await commit(resumedAt, state)

  for (let w = done; w < windows; w++) {
    const [first, end] = [boundaries[w] as number, boundaries[w + 1] as number]
    await report('train', first)
    const started = performance.now()
    const { next, values } = runWindow(
      engine.backend,
      config,
      network,
      state,
      gatherBatches(
        { ...run, seed: sampling, firstStep: first, steps: end - first },
        dataset,
        network.features,
      ),
      first,
      end - first,
    )
    const trained = (performance.now() - started) / 1000
    spend('train', trained)
    latest = scoreOf(values.steps)
    await report('commit', first)
    const after = await commit(end, next)
    writeAtomic(at(FILES.weights(end)), encodeState(network, next), 0o600)
    appendLog(
      at(FILES.log),
      values.steps.map(score => ({ ...score, seconds: trained / values.steps.length })),
    )
    await report('prove', first)
    const proof = await prove(
      engine,
      directory,
      { first, end, dataset, data, before, after, state, next, values },
      stage => report(stage, first),
    )
    writeAtomic(at(FILES.proof(first, end)), proof.file)
    for (const [stage, amount] of Object.entries(proof.seconds)) spend(stage, amount)
    securityBits = Math.min(securityBits ?? proof.securityBits, proof.securityBits)
    // The state before the window stays, in case that the last proof has to be made again.
    if (w > 0) rmSync(at(FILES.weights(boundaries[w - 1] as number)), { force: true })
    state = next
    before = after
  }
  await report('done', run.steps)
  return finish()
}

/** Of the steps of a window; undefined for none. */
export function scoreOf(steps: readonly Pick<LogEntry, 'step' | 'loss' | 'accuracy'>[]): Score | undefined {
  const last = steps.at(-1)
  if (!last) return undefined
  const mean = (key: 'loss' | 'accuracy'): number => steps.reduce((sum, s) => sum + s[key], 0) / steps.length
  return { step: last.step + 1, loss: mean('loss'), accuracy: mean('accuracy') }
}

interface Link<C> {
  readonly first: number
  readonly end: number
  readonly dataset: Dataset
  readonly data: Commitment<C>
  readonly before: Commitment<C>
  readonly after: Commitment<C>
  readonly state: State
  readonly next: State
  readonly values: WindowValues
}

async function prove<C>(
  engine: Engine<C>,
  { path, run }: RunDirectory,
  link: Link<C>,
  onStage: (stage: string) => Promise<void>,
) {
  for (const state of [FILES.dataState, FILES.chainState(link.first), FILES.chainState(link.end)])
    reserve(join(path, state), 1)
  return engine.prover.proveWindow(
    engine.backend,
    {
      config: run.config,
      examples: run.examples,
      samplingSeed: samplingSeedOf(run),
      firstStep: link.first,
      steps: link.end - link.first,
      data: { commitment: link.data, dataset: link.dataset },
      before: { commitment: link.before, state: link.state },
      after: { commitment: link.after, state: link.next },
      values: link.values,
    },
    { onStage },
  )
}

/** The proof that the run goes on from must be whole. @throws InputError naming it */
function checkLast<C>(
  { verifier }: Engine<C>,
  { path, run, boundaries }: RunDirectory,
  window: number,
): void {
  const read = (name: string): Uint8Array => readFileSync(join(path, name))
  const name = proofOf(boundaries, window)
  const verdict = verifier.verifyWindow({
    run,
    data: read(FILES.data),
    before: read(FILES.chain(boundaries[window] as number)),
    after: read(FILES.chain(boundaries[window + 1] as number)),
    proof: read(name),
  })
  if (!verdict.ok)
    throw new InputError(
      join(path, name),
      'a proof that holds (remove it to prove these steps again)',
      `${verdict.at}: ${verdict.reason}`,
    )
}

/** The state before a step: the stored one, or a new one at the start of a run. */
function startState({ path, run }: RunDirectory, network: Network, step: number): State {
  const file = join(path, FILES.weights(step))
  if (existsSync(file)) return readState(file, network, run.config)
  if (step > 0 || existsSync(join(path, FILES.chain(0))))
    throw new InputError(file, `the state before step ${step}`, 'no such file')
  const seed = Buffer.from(newSeed()).readInt32LE()
  const state = initialState(network, run.config, seed)
  writeAtomic(file, encodeState(network, state), 0o600)
  return state
}
