import type { Backend } from '../../backend/backend.ts'
import { newSeed } from '../../state/state.ts'
import { gatherBatches } from '../data/batches.ts'
import type { Dataset } from '../data/dataset.ts'
import { initialState, type State } from '../integer/state.ts'
import { runWindow } from '../integer/window.ts'
import { planNetwork } from '../network.ts'
import { boundaries, samplingSeedOf } from '../api.ts'
import type { WantedRun } from './directory.ts'
import { type Score, scoreOf, type TrainOptions } from './train.ts'

/** The training of a run without its proofs, in memory: to try a description. */
export async function trainUnproven(
  backend: Backend,
  wanted: WantedRun,
  dataset: Dataset,
  { signal, onProgress }: TrainOptions = {},
): Promise<{ state: State; latest: Score | undefined; seconds: number }> {
  const run = { ...wanted, samplingSeed: wanted.samplingSeed ?? Buffer.from(newSeed()).toString('hex') }
  const { config, steps } = run
  const network = planNetwork(config)
  const sampling = samplingSeedOf(run)
  const start = performance.now()
  let state = initialState(network, config, Buffer.from(newSeed()).readInt32LE())
  let latest: Score | undefined
  const ends = boundaries(run)
  for (const [w, first] of ends.slice(0, -1).entries()) {
    onProgress?.({ stage: 'train', proven: first, steps, latest })
    await new Promise(resolve => setImmediate(resolve))
    signal?.throwIfAborted()
    const count = (ends[w + 1] as number) - first
    const batches = gatherBatches(
      { ...run, seed: sampling, firstStep: first, steps: count },
      dataset,
      network.features,
    )
    const { next, values } = runWindow(backend, config, network, state, batches, first, count)
    state = next
    latest = scoreOf(values.steps)
  }
  return { state, latest, seconds: (performance.now() - start) / 1000 }
}
