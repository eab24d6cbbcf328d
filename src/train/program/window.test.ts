import { expect, test } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { checkProgram } from '../../program/check.ts'
import { isBlind } from '../witness.ts'
import { windowFixture } from '../fixture.ts'

const backend = loadBackend()

test.each([
  ['mlp', { steps: 1 }],
  ['mlp', { steps: 3 }],
  ['mlp', { steps: 3, momentum: 0.5, weightDecay: 0.01 }],
  ['mlp', { steps: 2, loss: 'squared-error' }],
  ['unrolled', { steps: 3 }],
  ['unrolled', { steps: 3, momentum: 0.5, weightDecay: 0.01, firstStep: 3 }],
  ['cnn', { steps: 1 }],
  ['cnn', { steps: 2, momentum: 0.5 }],
] as const)('the integer training of %s %o satisfies its program', (kind, options) => {
  const { window, tensors } = windowFixture(backend, kind, options)
  expect(
    checkProgram(window.program, t => (isBlind(t) ? new Int16Array(64) : (tensors.values(t) as Int32Array))),
  ).toEqual([])
})
