import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { expectClearBound, expectMaskedBound } from './deviation.ts'
import { verdict } from './malicious.ts'
import type { ProveOutput } from './prove-core.ts'
import { seededRandom } from './testing.ts'
import { soundTiny, type Tiny } from './tiny.ts'

/** Every one. */
const STRIDE = 1

let tiny: Tiny
let honest: ProveOutput
const random = seededRandom(11)

beforeAll(async () => {
  tiny = soundTiny(loadBackend(), random)
  honest = await tiny.prove(random)
  expect(verdict(tiny, honest.proof)).toEqual({ ok: true })
})
afterEach(() => {
  vi.restoreAllMocks()
})

test('every masked scalar is bound', () => expectMaskedBound(tiny, random, honest, STRIDE))

test('every scalar sent in the clear is bound', () => expectClearBound(tiny, random, honest, STRIDE))
