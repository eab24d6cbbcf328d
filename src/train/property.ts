/** Of any description, honest windows satisfy their programs. Tests only. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Backend } from '../backend/backend.ts'
import { checkProgram } from '../program/check.ts'
import { descriptions } from './arbitrary.ts'
import { windowOf } from './fixture.ts'
import { isUnrolled } from './program/frame.ts'
import { isBlind } from './witness.ts'

/** @returns how many windows summed some stage's weights, and how many committed to those of inner steps */
export const checkWindows = (
  backend: Backend,
  numRuns: number,
  seed: number,
): { summed: number; committed: number } => {
  const seen = { summed: 0, committed: 0 }
  fc.assert(
    fc.property(
      descriptions,
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 1, max: 1e6 }),
      (config, firstStep, weightSeed) => {
        const { window, tensors } = windowOf(backend, config, { steps: config.window, firstStep, weightSeed })
        if (window.stages.some(({ states }) => isUnrolled(states))) seen.summed++
        if (window.stages.some(({ states }) => states.length > 2 && !isUnrolled(states))) seen.committed++
        const broken = checkProgram(window.program, t =>
          isBlind(t) ? new Int16Array(64) : (tensors.values(t) as Int32Array),
        )
        expect(broken).toEqual([])
      },
    ),
    { numRuns, seed },
  )
  return seen
}
