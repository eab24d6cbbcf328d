import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import { openState, REFRESH_OPENINGS, requireOpenings, reserve } from '../../state/state.ts'
import type { StageHook } from '../api.ts'
import { type Classification, proveClassification } from '../classify.ts'
import { planNetwork } from '../network.ts'
import { commitState } from '../prove.ts'
import type { RunDirectory } from './directory.ts'
import { provenWindows } from './directory.ts'
import { FILES } from './files.ts'
import { readState } from './weights.ts'

/**
 * Classifies images with the state that a run has reached, and proves it under the commitment that the run's chain ends
 * in. Costs one opening of it.
 * @param pixels bytes [count, channels, height, width]
 * @returns the proof, and the file of the commitment within the directory
 * @throws InputError if no step is proven, the private part is missing or damaged, or the opening budget is spent
 */
export async function classifyWithRun(
  backend: Backend,
  directory: RunDirectory,
  pixels: Uint8Array,
  options: { readonly privateImages: boolean; readonly onStage: StageHook },
): Promise<{ proof: Classification; commitment: string }> {
  const { path, run, boundaries } = directory
  const step = boundaries[provenWindows(directory)] as number
  if (step === 0) throw new InputError(path, 'a run with a proof', 'one without')
  const weights = join(path, FILES.weights(step))
  if (!existsSync(weights)) throw new InputError(weights, 'the private part of the run', 'no such file')
  const state = readState(weights, planNetwork(run.config), run.config)
  const secret = openState(join(path, FILES.chainState(step)))
  requireOpenings(secret, 1)
  await options.onStage('commit', 0, 1)
  const data = readFileSync(join(path, FILES.data))
  const openings = secret.budget + REFRESH_OPENINGS
  const commitment = commitState(backend, run.config, state, data, secret.seed, openings)
  if (commitment.digest !== Buffer.from(secret.commitment).toString('hex'))
    throw new InputError(weights, 'the state that its commitment hides', 'another one')
  reserve(secret.path, 1)
  const proof = await proveClassification(backend, { commitment, state }, pixels, options)
  return { proof, commitment: join(path, FILES.chain(step)) }
}
