import type { RunStatement } from '../api.ts'
import { samplingSeedOf } from '../api.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Batches } from '../integer/window.ts'
import { batchIndices } from '../sampling.ts'

/** The examples of steps first .. first + steps - 1, by the public rule. */
export function batchesOf(run: RunStatement, data: Dataset, first: number, steps: number): Batches {
  const { batch } = run.config
  const size = data.channels * data.height * data.width
  const pixels = new Uint8Array(steps * batch * size)
  const labels = new Int32Array(steps * batch)
  const seed = samplingSeedOf(run)
  let row = 0
  for (let step = first; step < first + steps; step++)
    for (const index of batchIndices(seed, run.examples, batch, step)) {
      pixels.set(data.pixels.subarray(index * size, (index + 1) * size), row * size)
      labels[row++] = data.labels[index] as number
    }
  return { pixels, labels }
}
