/** Public files and statements that do not belong together. */
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { digestOf, encodeProof } from '../proof/files.ts'
import { encodeRun, type RunStatement } from './api.ts'
import {
  decodeDataCommitment,
  decodeTrainingProof,
  encodeDataCommitment,
  type TrainingStatement,
} from './files.ts'
import { initialState } from './integer/state.ts'
import { planNetwork } from './network.ts'
import { commitState } from './prove.ts'
import { type ProvenRun, proveChain } from './testing.ts'
import { type Link, verifyChain, verifyWindow } from './verify.ts'

const backend = loadBackend()
let proven: ProvenRun
let foreign: Uint8Array

beforeAll(async () => {
  proven = await proveChain(backend, 'mlp', { steps: 1 }, 3)
  const { config } = proven.statement
  const state = initialState(planNetwork(config), config, 77)
  foreign = commitState(backend, config, state, proven.data, new Uint8Array(32).fill(99), 8).file
}, 120_000)

const chain = (change: Partial<Pick<ProvenRun, 'run' | 'data' | 'commitments' | 'proofs'>> = {}) => {
  const { run, data, commitments, proofs } = { ...proven, ...change }
  return verifyChain(run, data, commitments, proofs)
}
const runWith = (change: Partial<RunStatement>): Uint8Array => encodeRun({ ...proven.statement, ...change })
const otherSeed = 'ab'.repeat(32)

test('the honest chain, and each of its links', () => {
  expect(chain()).toMatchObject({ ok: true })
  expect(verifyWindow(proven.link(1))).toMatchObject({ ok: true })
})

test('chains that are no run', () => {
  const { commitments: c, proofs: p, statement } = proven
  const { config } = statement
  const cases: [string, ReturnType<typeof chain>, object][] = [
    [
      'a proof is missing',
      chain({ proofs: p.slice(0, 2) }),
      { at: 'chain', reason: 'expected 3 proofs for 3 steps, got 2' },
    ],
    [
      'a commitment is missing',
      chain({ commitments: c.slice(1) }),
      { at: 'chain', reason: 'expected 4 commitments for 3 steps, got 3' },
    ],
    ['nothing at all', chain({ commitments: [], proofs: [] }), { at: 'chain' }],
    [
      'a window is left out',
      chain({ run: runWith({ steps: 2 }), commitments: [c[0]!, c[1]!, c[3]!], proofs: [p[0]!, p[2]!] }),
      { at: 'steps 1 to 2: statement/before', reason: 'the proof is about another state before' },
    ],
    [
      'a window is left out, and its neighbours are joined',
      chain({ run: runWith({ steps: 2 }), commitments: [c[0]!, c[2]!, c[3]!], proofs: [p[0]!, p[2]!] }),
      { at: 'steps 0 to 1: statement/after', reason: 'the proof is about another state after' },
    ],
    [
      'it starts at its second window',
      chain({ run: runWith({ steps: 2 }), commitments: c.slice(1), proofs: p.slice(1) }),
      { at: 'steps 0 to 1: statement/firstStep', reason: 'expected 0, got 1' },
    ],
    ['a window twice', chain({ proofs: [p[0]!, p[0]!, p[2]!] }), { at: 'steps 1 to 2: statement/before' }],
    [
      'proofs in another order',
      chain({ proofs: [p[1]!, p[0]!, p[2]!] }),
      { at: 'steps 0 to 1: statement/before' },
    ],
    [
      'commitments in another order',
      chain({ commitments: [c[0]!, c[2]!, c[1]!, c[3]!] }),
      { at: 'steps 0 to 1: statement/after' },
    ],
    [
      "another run's commitment",
      chain({ commitments: [c[0]!, c[1]!, foreign, c[3]!] }),
      { at: 'steps 1 to 2: statement/after' },
    ],
    [
      "another run's weights at the end",
      chain({ commitments: [...c.slice(0, 3), foreign] }),
      { at: 'steps 2 to 3: statement/after' },
    ],
    [
      'windows of another length',
      chain({
        run: runWith({ config: { ...config, window: 3 } }),
        commitments: [c[0]!, c[3]!],
        proofs: [p[0]!],
      }),
      { at: 'steps 0 to 3: statement/config' },
    ],
    ['another data set', chain({ data: moreExamples() }), { at: 'steps 0 to 1: statement/data' }],
    [
      'another sampling seed',
      chain({ run: runWith({ samplingSeed: otherSeed }) }),
      { at: 'steps 0 to 1: statement/samplingSeed' },
    ],
    ['a run file that is none', chain({ run: new Uint8Array(3) }), { at: 'run' }],
    ['a data file that is none', chain({ data: c[0]! }), { at: 'steps 0 to 1: statement/data' }],
  ]
  for (const [name, verdict, expected] of cases)
    expect(verdict, name).toMatchObject({ ok: false, ...expected })
})

/** A commitment file that says one example more. */
const moreExamples = (): Uint8Array => {
  const own = decodeDataCommitment(proven.data)
  return encodeDataCommitment({ ...own, examples: own.examples + 1 })
}

/** The same proof under another statement, the verifier's expectations changed with it. */
const restated = (change: Partial<TrainingStatement>, link: Partial<Link> = {}) => {
  const { statement, body } = decodeTrainingProof(proven.proofs[0] as Uint8Array)
  return verifyWindow({ ...proven.link(0), ...link, proof: encodeProof({ ...statement, ...change }, body) })
}

test('statements that the proof was not made for', () => {
  const { config } = proven.statement
  const faster = { ...config, learningRate: { ...config.learningRate, initial: 0.2 } }
  const run = (change: Partial<RunStatement>): Partial<Link> => ({ run: { ...proven.statement, ...change } })
  const cases: [string, ReturnType<typeof restated>, object][] = [
    [
      'learning rate: the verifier expects another',
      restated({}, run({ config: faster })),
      { at: 'statement/config', reason: 'the proof is about another description' },
    ],
    ['learning rate: the proof says another', restated({ config: faster }), { at: 'statement/config' }],
    [
      'learning rate: both say another',
      restated({ config: faster }, run({ config: faster })),
      { at: 'before', reason: 'it commits to a state of another description' },
    ],
    [
      'seed: the verifier expects another',
      restated({}, run({ samplingSeed: otherSeed })),
      { at: 'statement/samplingSeed' },
    ],
    [
      'seed: both say another',
      restated({ samplingSeed: otherSeed }, run({ samplingSeed: otherSeed })),
      { at: expect.stringMatching(/^(lookup|opening)\//) },
    ],
    [
      'examples: the verifier expects another',
      restated({}, run({ examples: 12 })),
      { at: 'statement/examples' },
    ],
    [
      'examples: both say another',
      restated({ examples: 14 }, run({ examples: 14 })),
      { at: 'data', reason: "expected 14 examples of the run's shape, got 13" },
    ],
    [
      'examples: the data file says another, too',
      restated(
        { examples: 14, data: digestOf(moreExamples()) },
        { ...run({ examples: 14 }), data: moreExamples() },
      ),
      { ok: false },
    ],
    ['the second step in place of the first', restated({ firstStep: 1 }), {}],
    [
      'a step that begins no window',
      restated({ firstStep: 1 }, run({ config: { ...config, window: 2 } })),
      { at: 'statement/config' },
    ],
    [
      'a step behind the run',
      restated({ firstStep: 3 }),
      { at: 'statement/firstStep', reason: 'step 3 begins no window of the run' },
    ],
    [
      'more steps than a window',
      restated({ steps: 2 }),
      { at: 'statement/steps', reason: 'expected 1 steps from 0, got 2' },
    ],
    [
      'the state before, swapped',
      restated({}, { before: proven.commitments[1] as Uint8Array }),
      { at: 'statement/before' },
    ],
    [
      'states exchanged, and said so',
      restated(
        { before: digestOf(proven.commitments[1]!), after: digestOf(proven.commitments[0]!) },
        { before: proven.commitments[1]!, after: proven.commitments[0]! },
      ),
      {},
    ],
    [
      'the state after of another run, and said so',
      restated({ after: digestOf(foreign) }, { after: foreign }),
      {},
    ],
  ]
  for (const [name, verdict, expected] of cases)
    expect(verdict, name).toMatchObject({ ok: false, ...expected })
})

test('files altered anywhere are rejected, and nothing is thrown', () => {
  const files = ['data', 'before', 'after', 'proof'] as const
  const alter = (bytes: Uint8Array, how: string, at: number, bit: number): Uint8Array => {
    if (how === 'cut') return bytes.slice(0, at % bytes.length)
    if (how === 'longer') return Uint8Array.from([...bytes, bit])
    const out = bytes.slice()
    out[at % out.length] = (out[at % out.length] as number) ^ (1 << bit)
    return out
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.constantFrom('cut', 'longer', 'flipped'),
      fc.nat(2 ** 30),
      fc.nat(7),
      (file, how, at, bit) => {
        const link = proven.link(0)
        expect(verifyWindow({ ...link, [file]: alter(link[file], how, at, bit) })).toMatchObject({ ok: false })
      },
    ),
    { numRuns: 24 },
  )
})
