/**
 * Trains and proves window by window into a run directory. A window counts once its proof file is there; whatever a
 * kill interrupts before is done again, with the same numbers: training is exact, commitments follow from stored seeds.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Dataset } from '../data/dataset.ts'
import type { State } from '../integer/state.ts'
import { Chain, type Engine } from './chain.ts'
import { openRun, proofOf, provenWindows, type RunDirectory, type WantedRun } from './directory.ts'
import { FILES } from './files.ts'
import { appendLog, cutLog, type LogEntry } from './log.ts'

/** Windows of a run: every proof opens the data set's one commitment, whose rows grow with the openings it hides. */
const MAX_WINDOWS = 4096

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
  const chain = new Chain(engine, directory, dataset)
  const at = (name: string): string => join(path, name)
  const windows = boundaries.length - 1
  const done = provenWindows(directory)
  const resumedAt = boundaries[done] as number
  let latest = scoreOf(cutLog(at(FILES.log), resumedAt).slice(-run.config.window))
  const report = async (stage: string, proven: number): Promise<void> => {
    onProgress?.({ stage, proven, steps: run.steps, latest })
    await breathe()
    signal?.throwIfAborted()
  }
  await report('open', resumedAt)
  if (done > 0) chain.check(done - 1)
  let state = chain.stateBefore(resumedAt)
  const seconds: Record<string, number> = {}
  let securityBits: number | undefined

  if (done < windows) {
    await report('commit to the data', resumedAt)
    const data = await chain.commitData()
    await report('commit', resumedAt)
    let before = await chain.commitState(resumedAt, state, data)
    for (let w = done; w < windows; w++) {
      const [first, end] = [boundaries[w] as number, boundaries[w + 1] as number]
      await report('train', first)
      const started = performance.now()
      const { next, values } = chain.train(first, end, state)
      const trained = (performance.now() - started) / 1000
      latest = scoreOf(values.steps)
      await report('commit', first)
      const after = await chain.commitState(end, next, data)
      chain.store(end, next)
      const perStep = trained / (end - first)
      appendLog(
        at(FILES.log),
        values.steps.map(score => ({ ...score, seconds: perStep })),
      )
      await report('prove', first)
      const proof = await chain.prove(data, before, after, values, stage => report(stage, first))
      for (const [stage, amount] of Object.entries({ train: trained, ...proof.seconds }))
        seconds[stage] = (seconds[stage] ?? 0) + amount
      securityBits = Math.min(securityBits ?? proof.securityBits, proof.securityBits)
      // The state before the window stays, in case that the last proof has to be made again.
      if (w > 0) rmSync(at(FILES.weights(boundaries[w - 1] as number)), { force: true })
      state = next
      before = after
    }
    await report('done', run.steps)
  }
  const proofBytes = boundaries
    .slice(1)
    .reduce((sum, _, w) => sum + readFileSync(at(proofOf(boundaries, w))).length, 0)
  return { directory, resumedAt, state, latest, proofBytes, seconds, securityBits }
}

/** Of the steps of a window; undefined for none. */
export function scoreOf(steps: readonly Pick<LogEntry, 'step' | 'loss' | 'accuracy'>[]): Score | undefined {
  const last = steps.at(-1)
  if (!last) return undefined
  const mean = (key: 'loss' | 'accuracy'): number => steps.reduce((sum, s) => sum + s[key], 0) / steps.length
  return { step: last.step + 1, loss: mean('loss'), accuracy: mean('accuracy') }
}
