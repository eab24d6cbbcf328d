/** The training loop: warmup and cosine, validation, early stopping, checkpoints. */
import type { FloatTensor } from '../../import/tensor.ts'
import { initialMoments, next, stepFeeds } from '../adam.ts'
import type { Shape } from '../op.ts'
import { seeded } from '../random.ts'
import { loadCheckpoint, type Progress, saveCheckpoint, type TrainState } from './checkpoint.ts'
import { type Batch, consecutiveBatches, sampleBatch, speechStarts } from './data.ts'
import { adam, demoConfig, dropoutMasks, initialWeights, trainingSessions } from './model.ts'

export interface TrainOptions {
  /** Batches are `[rows, length]`. */
  readonly rows: number
  readonly length: number
  readonly steps: number
  readonly warmup: number
  /** Learning rate after warmup; the cosine ends at a tenth of it. */
  readonly peakRate: number
  /** Steps between validations (and checkpoints). */
  readonly every: number
  /** Stop after that many validations without a new lowest loss. */
  readonly patience: number
  /** Share of the residual stream's inputs that a training step drops. */
  readonly dropout: number
  readonly seed: number
  readonly threads: number
}

export const trainDefaults: TrainOptions = {
  rows: 8,
  length: 256,
  steps: 3600,
  warmup: 150,
  peakRate: 3e-3,
  every: 100,
  patience: 12,
  dropout: 0.15,
  seed: 1,
  threads: 1,
}

export function rateAt(step: number, { steps, warmup, peakRate }: TrainOptions): number {
  if (step <= warmup) return (peakRate * step) / warmup
  const done = (step - warmup) / (steps - warmup)
  return peakRate * (0.1 + 0.45 * (1 + Math.cos(Math.PI * done)))
}

export interface Corpus {
  readonly train: Int32Array
  readonly validation: Int32Array
  /** The token of one line end. */
  readonly newline: number
}

/**
 * @param out where the checkpoint lies; a run found there is continued
 * @param report after each validation, with the state as saved
 */
export async function train(
  corpus: Corpus,
  shapes: ReadonlyMap<string, Shape>,
  out: string,
  options: TrainOptions,
  report: (state: TrainState) => Promise<void>,
): Promise<TrainState> {
  const { rows, length, steps, every, seed } = options
  const sessions = await trainingSessions(shapes, rows, length, options.threads)
  const starts = speechStarts(corpus.train, corpus.newline)
  const validation = consecutiveBatches(corpus.validation, rows, length)
  let state = loadCheckpoint(out) ?? freshState(shapes, seed)
  const feeds = Object.fromEntries([...state.tensors].map(([name, t]) => [name, t.data]))
  const earlier = state.history.at(-1)?.seconds ?? 0
  const began = performance.now()
  let losses: number[] = []
  for (let step = (state.history.at(-1)?.step ?? 0) + 1; step <= steps; step++) {
    // Seeded by the step, so that a resumed run sees the batches that an unbroken one would.
    const batch = sampleBatch(corpus.train, starts, 0, rows, length, seeded(seed, step))
    const results = await sessions.step.run({
      ...feeds,
      ...stepFeeds(step, rateAt(step, options), adam),
      ...dropoutMasks(rows, length, options.dropout, seeded(seed, step, 1)),
      ...batch,
    })
    losses.push(results.loss![0]!)
    for (const name of state.tensors.keys()) feeds[name] = results[next(name)]!
    if (step % every !== 0 && step !== steps) continue
    const seconds = earlier + (performance.now() - began) / 1000
    const valLoss = await meanLoss(sessions.loss, feeds, validation)
    state = advance(state, feeds, { step, trainLoss: average(losses), valLoss, seconds })
    losses = []
    saveCheckpoint(out, state)
    await report(state)
    if (validationsSinceBest(state.history) >= options.patience) break
  }
  await sessions.step.release()
  await sessions.loss.release()
  return state
}

function freshState(shapes: ReadonlyMap<string, Shape>, seed: number): TrainState {
  const weights = initialWeights(shapes, demoConfig.layers, seeded(seed))
  const moments = Object.entries(initialMoments(shapes)).map(([name, data]): [string, FloatTensor] => {
    return [name, { shape: [...shapes.get(name.slice(2))!], data }]
  })
  return { tensors: new Map([...weights, ...moments]), best: weights, history: [] }
}

function advance(
  state: TrainState,
  feeds: Readonly<Record<string, Float32Array>>,
  progress: Progress,
): TrainState {
  const lowest = Math.min(...state.history.map(p => p.valLoss))
  const tensors = new Map(
    [...state.tensors].map(([name, { shape }]) => [name, { shape, data: feeds[name]! }]),
  )
  const best =
    progress.valLoss < lowest ? new Map([...state.best.keys()].map(n => [n, tensors.get(n)!])) : state.best
  return { tensors, best, history: [...state.history, progress] }
}

/** The line with the lowest validation loss. */
export const bestOf = (history: readonly Progress[]): Progress =>
  history.reduce((a, b) => (b.valLoss < a.valLoss ? b : a))

const validationsSinceBest = (history: readonly Progress[]) =>
  history.length - 1 - history.indexOf(bestOf(history))
const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

/** Mean loss over batches of equal size, in nats per token. */
export async function meanLoss(
  session: { run(feeds: Record<string, Float32Array | Int32Array>): Promise<{ loss: Float32Array }> },
  feeds: Readonly<Record<string, Float32Array>>,
  batches: readonly Batch[],
): Promise<number> {
  const losses: number[] = []
  for (const batch of batches) losses.push((await session.run({ ...feeds, ...batch })).loss[0]!)
  return average(losses)
}
