/** The training loop. */
import { InputError } from '../../../errors.ts'
import type { FloatTensor } from '../../../import/tensor.ts'
import { firstMoment, next, secondMoment, stepFeeds } from '../../../nn/adam.ts'
import { seeded } from '../../../nn/random.ts'
import { openSession } from '../../../nn/session.ts'
import { sameShape } from '../../../nn/shape.ts'
import { type LceConfig, WINDOW } from '../config.ts'
import { CLR, LR, lceGraph } from '../network.ts'
import type { Parameters } from '../parameters.ts'
import { drawBatch } from './batch.ts'
import { hasState, loadState, saveState, type Tensors, type TrainState } from './checkpoint.ts'
import type { Corpus } from './corpus.ts'
import { rateAt, type TrainOptions } from './options.ts'
import { adam, BLUR, CLEAR, HR, PARAMETERS, trainingGraph } from './step.ts'
import type { Validation } from './validate.ts'

export interface TrainHooks {
  /** After each step; `first` is the first one of this run. */
  readonly onStep?: (step: number, first: number) => void
  /** After each validation, with the state as saved. */
  readonly onState?: (state: TrainState) => void
  /** Once aborted, the run stops after a checkpoint. */
  readonly signal?: AbortSignal
}

/**
 * @param dir where the checkpoint lies; a run found there goes on
 * @param start weights to begin from, those of equal name and shape; others are drawn
 */
export async function train(
  config: LceConfig,
  corpus: Corpus,
  validation: Validation,
  dir: string,
  options: TrainOptions,
  hooks: TrainHooks = {},
  start: Tensors = new Map(),
): Promise<TrainState> {
  const { steps, seed } = options
  const graph = trainingGraph(config, options)
  const factor = Math.sqrt(graph.packed.shape[1]! / 3)
  const session = await openSession<string>(graph.outputs, { threads: options.threads })
  let state = hasState(dir) ? loadState(dir, config) : freshState(config, seed, start)
  const packed = pack(graph.parameters, state)
  const averaged = graph.parameters.pack(state.averaged)
  const before = state.log.at(-1)?.seconds ?? 0
  const began = performance.now()
  let sums: Record<string, number> = {}
  let since = 0
  const first = (state.log.at(-1)?.step ?? 0) + 1
  for (let step = first; step <= steps; step++) {
    // Seeded by the step, so that a resumed run sees the batches that an unbroken one would.
    const batch = drawBatch(corpus, config, options, factor, seeded(seed, step))
    const rate = rateAt(step, options)
    const images = {
      [LR]: batch.lr,
      [HR]: batch.hr,
      [CLEAR]: batch.clear,
      [CLR]: batch.clr,
      [BLUR]: batch.blur,
    }
    const results = await session.run({ ...packed, ...images, ...stepFeeds(step, rate, adam) })
    for (const name of Object.keys(graph.losses)) sums[name] = (sums[name] ?? 0) + results[name]![0]!
    since++
    const sum = Object.values(sums).reduce((a, b) => a + b)
    if (!Number.isFinite(sum)) throw new InputError('training', 'a finite loss', `${sum} at step ${step}`)
    for (const name of Object.keys(packed)) packed[name] = results[next(name)]!
    approach(averaged, packed[PARAMETERS]!, averagingAt(step, options.average))
    hooks.onStep?.(step, first)
    // The loop must let go now and then for a signal to arrive.
    await new Promise(resolve => setImmediate(resolve))
    const stopping = hooks.signal?.aborted === true
    if (step % options.every !== 0 && step !== steps && !stopping) continue
    const weights = graph.parameters.unpack(averaged)
    const quality = await validation.measure(Object.fromEntries([...weights].map(([n, t]) => [n, t.data])))
    const losses = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / since]))
    const seconds = before + (performance.now() - began) / 1000
    const line = { step, ...losses, ...quality, rate, seconds }
    const better = state.log.every(l => l.psnr < line.psnr)
    state = {
      tensors: unpack(graph.parameters, packed),
      averaged: weights,
      best: better ? weights : state.best,
      log: [...state.log, line],
    }
    ;[sums, since] = [{}, 0]
    saveState(dir, config, state)
    hooks.onState?.(state)
    if (stopping) break
  }
  await session.release()
  return state
}

/** Prefixes of the parameters' names in a state's tensors, by the name of the packed input. */
const PREFIXES = { [PARAMETERS]: '', [firstMoment(PARAMETERS)]: 'm:', [secondMoment(PARAMETERS)]: 'v:' }

const pack = (parameters: Parameters, { tensors }: TrainState): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(PREFIXES).map(([name, prefix]) => [name, parameters.pack(tensors, prefix)]),
  )

const unpack = (parameters: Parameters, packed: Readonly<Record<string, Float32Array>>): Tensors =>
  new Map(Object.entries(PREFIXES).flatMap(([name, prefix]) => [...parameters.unpack(packed[name]!, prefix)]))

/** Moves `data` towards `target`, keeping the share `keep` of where it was. */
function approach(data: Float32Array, target: Float32Array, keep: number): void {
  for (let i = 0; i < data.length; i++) data[i]! += (1 - keep) * (target[i]! - data[i]!)
}

/** Early averages reach less far back, so that the first weights are soon forgotten. */
const averagingAt = (step: number, average: number): number => Math.min(average, (step + 1) / (step + 10))

/** @param start weights to take where name and shape agree; the others are drawn */
export function firstWeights(config: LceConfig, seed: number, start: Tensors): Map<string, FloatTensor> {
  const drawn = lceGraph(config, WINDOW, WINDOW).parameters.draw(seed)
  const fits = (name: string, { shape }: FloatTensor) => sameShape(start.get(name)?.shape ?? [], shape)
  return new Map([...drawn].map(([name, t]) => [name, fits(name, t) ? start.get(name)! : t]))
}

function freshState(config: LceConfig, seed: number, start: Tensors): TrainState {
  const weights = firstWeights(config, seed, start)
  const zero = (prefix: string) =>
    [...weights].map(([name, { shape, data }]): [string, FloatTensor] => [
      prefix + name,
      { shape, data: new Float32Array(data.length) },
    ])
  const tensors = new Map([...weights, ...zero('m:'), ...zero('v:')])
  return { tensors, averaged: weights, best: weights, log: [] }
}
