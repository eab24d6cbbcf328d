/** Descriptions that anyone may write: the verifier refuses what it could not check, at once and without throwing. */
import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { digestOf, encodeProof } from '../proof/files.ts'
import { type TrainingConfig, trainingSchema } from './config.ts'
import { encodeDataCommitment, encodeStateCommitment } from './files.ts'
import { isUnrolled } from './program/frame.ts'
import { windowProgram } from './program/window.ts'
import { learningRate, stageCoefficients } from './schedule.ts'
import { planNetwork } from './network.ts'
import { verifyWindow } from './verify.ts'
import { windowFixture } from './fixture.ts'

type Description = Parameters<typeof trainingSchema.parse>[0] & object
const dense = (depth: number, units: number, classes: number) => [
  ...Array.from({ length: depth - 1 }, () => [{ kind: 'dense', units }, { kind: 'relu' }]).flat(),
  { kind: 'dense', units: classes },
]
const describeRun = (change: Description): TrainingConfig =>
  trainingSchema.parse({
    input: { channels: 1, height: 1, width: 4 },
    classes: 2,
    layers: dense(2, 4, 2),
    loss: 'softmax-cross-entropy',
    learningRate: { initial: 1 },
    batch: 4,
    window: 1,
    precision: {
      activationScale: 6,
      activationBits: 8,
      gradientScale: 8,
      gradientBits: 9,
      weightScale: 12,
      rateScale: 8,
    },
    ...change,
  })

/** Files that fit each other, around a proof of nothing. */
const link = (config: TrainingConfig, examples: number, firstStep = 0) => {
  const committed = {
    shape: { logRow: 12, logDomain: 15, rows: 2, tail: 256 },
    root: new Uint8Array(26),
    outside: [0n, 0n] as const,
  }
  const state = encodeStateCommitment({ config, committed })
  const data = encodeDataCommitment({ input: config.input, examples, committed })
  const samplingSeed = '00'.repeat(32)
  const steps = config.window
  const about = { config, examples, samplingSeed, firstStep, steps }
  const digests = { data: digestOf(data), before: digestOf(state), after: digestOf(state) }
  const proof = encodeProof({ kind: 'training', ...about, ...digests }, new Uint8Array(64))
  const run = { config, examples, samplingSeed, steps: firstStep + steps }
  return { run, data, before: state, after: state, proof }
}

const image = (size: number) => ({ channels: 1, height: size, width: size })
const conv = (kernel: number) => [{ kind: 'conv', channels: 1, kernel, padding: 7 }, { kind: 'relu' }]

test.each([
  ['stages and steps', { layers: dense(256, 4, 2), window: 1024 }, 100, /steps of a window times stages/],
  ['examples', { batch: 65536, window: 1024 }, 65536, /examples of a window/],
  [
    'a convolution of a huge image',
    { input: image(4096), layers: [...conv(15), ...dense(1, 1, 2)] },
    10,
    /read by the taps/,
  ],
  ['permutations', { batch: 2 ** 15, window: 4 }, 2 ** 26 - 1, /epochs of a window/],
  [
    'sizes of many binary ones',
    {
      input: { channels: 4095, height: 4095, width: 1 },
      batch: 1023,
      window: 127,
      layers: dense(2, 8191, 2),
      learningRate: { initial: 100 },
    },
    2 ** 20 - 1,
    /blocks of tensors|2\^62/,
  ],
  [
    'tensors of astronomical size',
    { input: { channels: 4096, height: 4096, width: 4096 }, layers: dense(2, 16384, 2) },
    10,
    /2\^62|rows/,
  ],
] as const)('%s', (_, change, examples, reason) => {
  const start = performance.now()
  const verdict = verifyWindow(link(describeRun(change as Description), examples))
  expect(verdict).toMatchObject({ ok: false, reason: expect.stringMatching(reason) })
  expect(performance.now() - start).toBeLessThan(20_000)
})

test('a schedule of many stages takes no time at a late step', () => {
  const schedule = { kind: 'step', every: 1, factor: 1 }
  const config = describeRun({ learningRate: { initial: 1, schedule }, window: 1024 })
  const start = performance.now()
  expect(verifyWindow(link(config, 100, 2 ** 24 - 1024))).toMatchObject({ ok: false })
  expect(performance.now() - start).toBeLessThan(20_000)
})

test('the rates of a window are those of its steps', () => {
  const schedule = { kind: 'step', every: 3, factor: 0.7 }
  const config = describeRun({ learningRate: { initial: 1, schedule }, window: 9 })
  const stages = planNetwork(config).stages
  for (const first of [0, 1, 2, 17]) {
    const [c] = stageCoefficients(config, stages, first, 9)
    expect(c?.gradient.at(-1)).toEqual(
      Array.from({ length: 9 }, (_, k) => Math.floor(learningRate(config, first + k) * (2 ** 8 / 4) + 0.5)),
    )
  }
})

/** Weights of a window that are summed must stay below the field's order under any decay. */
test('decay that multiplies weights enters the bounds', () => {
  const of = (weightDecay: number) => {
    const config = describeRun({
      input: { channels: 64, height: 1, width: 1 },
      classes: 64,
      layers: dense(1, 64, 64),
      batch: 2,
      window: 3,
      optimizer: { weightDecay },
      learningRate: { initial: 100 },
      precision: {
        activationScale: 6,
        activationBits: 8,
        gradientScale: 20,
        gradientBits: 24,
        weightScale: 6,
        rateScale: 8,
      },
    })
    const spec = { config, examples: 10, seed: new Uint8Array(32), firstStep: 0, steps: 3 }
    return isUnrolled(windowProgram(spec).stages[0]?.states ?? [])
  }
  expect(of(0)).toBe(true)
  expect(of(1)).toBe(false)
})

test('the fixture for windows that sum their weights does so, others commit to them', () => {
  const backend = loadBackend()
  const modes = (kind: 'unrolled' | 'cnn') =>
    windowFixture(backend, kind, { steps: 3 }).window.stages.map(({ states }) => isUnrolled(states))
  expect(modes('unrolled')).toEqual([true, true, true])
  expect(modes('cnn').slice(0, 2)).toEqual([false, false])
})
