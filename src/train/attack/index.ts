/** Malicious trainers: what each replaces, and what must be false then. Tests only. */
import type { Backend } from '../../backend/backend.ts'
import { type FixtureKind, type FixtureOptions, type WindowFixture, windowFixture } from '../fixture.ts'
import type { Attack } from './common.ts'
import { dataAttacks } from './data.ts'
import { lossAttacks } from './loss.ts'
import { gatherAttacks, stageAttacks } from './stage.ts'
import { rangeAttacks, unrolledAttacks, updateAttacks } from './update.ts'

export const attacks = (backend: Backend): Attack[] => {
  const known = new Map<string, WindowFixture>()
  const fixtureOf = (kind: FixtureKind, options: FixtureOptions): WindowFixture => {
    const key = JSON.stringify([kind, { ...options, before: options.before !== undefined }])
    const found = known.get(key) ?? windowFixture(backend, kind, options)
    known.set(key, found)
    return found
  }
  const mlp = fixtureOf('mlp', { steps: 1 })
  const two = fixtureOf('mlp', { steps: 2 })
  const square = fixtureOf('unrolled', { steps: 1 })
  const unrolled = fixtureOf('unrolled', { steps: 3 })
  const cnn = fixtureOf('cnn', { steps: 1 })
  const stepped = fixtureOf('cnn', { steps: 2 })
  const moving = { momentum: 0.5, weightDecay: 0.01 }
  const decaying = fixtureOf('mlp', { steps: 1, weightDecay: 0.5 })
  const first = fixtureOf('mlp', { steps: 2, ...moving })
  const later = fixtureOf('mlp', { steps: 2, firstStep: 2, before: first.run.next, ...moving })
  return [
    ...dataAttacks(mlp),
    ...lossAttacks(mlp),
    ...stageAttacks(mlp, square),
    ...gatherAttacks(cnn),
    ...updateAttacks(backend, mlp, two, stepped, decaying, later),
    ...unrolledAttacks(unrolled),
    ...rangeAttacks(mlp, stepped, later),
  ]
}
