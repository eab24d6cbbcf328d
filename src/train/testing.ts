/** A whole run on random data: commitments at its boundaries and a proof of each window. Tests only. */
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Backend } from '../backend/backend.ts'
import { seededRandom } from '../proof/testing.ts'
import { boundaries, encodeRun, type RunStatement } from './api.ts'
import type { TrainingConfig } from './config.ts'
import type { Dataset } from './data/dataset.ts'
import { type FixtureKind, type FixtureOptions, windowFixture } from './fixture.ts'
import type { State } from './integer/state.ts'
import { commitData, commitState, type ProvenWindow, proveWindow } from './prove.ts'
import type { Link } from './verify.ts'

export interface ProvenRun {
  readonly statement: RunStatement
  readonly run: Uint8Array
  readonly data: Uint8Array
  readonly commitments: Uint8Array[]
  readonly proofs: Uint8Array[]
  readonly windows: ProvenWindow[]
  readonly dataset: { readonly pixels: Uint8Array; readonly labels: Int32Array }
  readonly states: readonly State[]
  /** Link k as verifyWindow takes it. */
  link(k: number): Link
}

const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)

/**
 * @param options of a window; `count` windows of as many steps
 * @param randomness of the proofs alone
 */
export const proveChain = async (
  backend: Backend,
  kind: FixtureKind,
  options: FixtureOptions,
  count: number,
  randomness = 9,
): Promise<ProvenRun> => {
  const first = windowFixture(backend, kind, options)
  const { examples, seed: samplingSeed } = first.spec
  const config: TrainingConfig = first.spec.config
  const steps = count * options.steps
  const dataset = { ...config.input, classes: config.classes, ...first.dataset } as unknown as Dataset
  const data = commitData(backend, config, dataset, seed(1), count + 2)
  const commit = (state: State, k: number) => commitState(backend, config, state, data.file, seed(2 + k), 8)
  const states = [first.before]
  const commitments = [commit(first.before, 0)]
  const windows: ProvenWindow[] = []
  for (let k = 0; k < count; k++) {
    const firstStep = k * options.steps
    const before = states[k] as State
    const { run } = windowFixture(backend, kind, { ...options, firstStep, before })
    states.push(run.next)
    commitments.push(commit(run.next, k + 1))
    const [from, to] = [commitments[k], commitments[k + 1]] as [
      ReturnType<typeof commit>,
      ReturnType<typeof commit>,
    ]
    windows.push(
      await proveWindow(
        backend,
        {
          config,
          examples,
          samplingSeed,
          firstStep,
          steps: options.steps,
          data: { commitment: data, dataset },
          before: { commitment: from, state: before },
          after: { commitment: to, state: run.next },
          values: run.values,
        },
        { random: seededRandom(randomness + 100 * k) },
      ),
    )
  }
  const statement = { config, examples, samplingSeed: bytesToHex(samplingSeed), steps }
  if (boundaries(statement).length !== count + 1) throw new RangeError('the run has other boundaries')
  const files = commitments.map(c => c.file)
  const proofs = windows.map(w => w.file)
  return {
    statement,
    run: encodeRun(statement),
    data: data.file,
    commitments: files,
    proofs,
    windows,
    dataset: first.dataset,
    states,
    link: k => ({
      run: statement,
      data: data.file,
      before: files[k] as Uint8Array,
      after: files[k + 1] as Uint8Array,
      proof: proofs[k] as Uint8Array,
    }),
  }
}
