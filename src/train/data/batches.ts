import type { TrainingConfig } from '../config.ts'
import { batchIndices } from '../sampling.ts'

/** Which steps of which run. */
export interface BatchRange {
  readonly config: Pick<TrainingConfig, 'batch'>
  readonly examples: number
  /** The sampling seed. */
  readonly seed: Uint8Array
  readonly firstStep: number
  readonly steps: number
}

/**
 * The examples of some steps, one batch after the other, by the public rule.
 * @param features bytes of an example
 */
export function gatherBatches(
  { config, examples, seed, firstStep, steps }: BatchRange,
  { pixels, labels }: { readonly pixels: Uint8Array; readonly labels: ArrayLike<number> },
  features: number,
): { readonly pixels: Uint8Array; readonly labels: Int32Array } {
  const rows = steps * config.batch
  const out = { pixels: new Uint8Array(rows * features), labels: new Int32Array(rows) }
  for (let step = firstStep, row = 0; step < firstStep + steps; step++)
    for (const index of batchIndices(seed, examples, config.batch, step)) {
      out.pixels.set(pixels.subarray(index * features, (index + 1) * features), row * features)
      out.labels[row++] = labels[index] as number
    }
  return out
}
