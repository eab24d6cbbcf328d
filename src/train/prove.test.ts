import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { seededRandom } from '../proof/testing.ts'
import type { RunStatement } from './api.ts'
import type { Dataset } from './data/dataset.ts'
import { type FixtureKind, type FixtureOptions, windowFixture } from './fixture.ts'
import { commitData, commitState, proveWindow } from './prove.ts'
import { verifyWindow } from './verify.ts'

const backend = loadBackend()
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)

export const proveFixture = async (kind: FixtureKind, options: FixtureOptions) => {
  const { spec, before, run, dataset } = windowFixture(backend, kind, options)
  const { config, examples } = spec
  const set = { ...config.input, classes: config.classes, ...dataset } as unknown as Dataset
  const data = commitData(backend, config, set, seed(1), 8)
  const first = commitState(backend, config, before, data.file, seed(2), 8)
  const next = commitState(backend, config, run.next, data.file, seed(3), 8)
  const proven = await proveWindow(
    backend,
    {
      config,
      examples,
      samplingSeed: spec.seed,
      firstStep: spec.firstStep,
      steps: spec.steps,
      data: { commitment: data, dataset: set },
      before: { commitment: first, state: before },
      after: { commitment: next, state: run.next },
      values: run.values,
    },
    { random: seededRandom(9) },
  )
  const statement: RunStatement = { config, examples, samplingSeed: bytesToHex(spec.seed), steps: spec.firstStep + spec.steps }
  return { run: statement, data: data.file, before: first.file, after: next.file, proof: proven.file, proven }
}

test.each([
  ['mlp', { steps: 1 }],
  ['unrolled', { steps: 3 }],
  ['cnn', { steps: 2, momentum: 0.5, weightDecay: 0.01, firstStep: 2 }],
] as const)('a window of %s %o is proven and verified', async (kind, options) => {
  const link = await proveFixture(kind, options)
  const verdict = verifyWindow(link)
  expect(verdict).toMatchObject({ ok: true })
  expect(verdict.ok && verdict.securityBits).toBeGreaterThanOrEqual(100)
  expect(verifyWindow({ ...link, after: link.before })).toMatchObject({ ok: false, at: 'statement/after' })
  const forged = Uint8Array.from(link.proof)
  forged[forged.length - 100] = (forged[forged.length - 100] as number) ^ 1
  expect(verifyWindow({ ...link, proof: forged })).toMatchObject({ ok: false })
})
