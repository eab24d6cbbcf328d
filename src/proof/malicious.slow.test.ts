import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { cheatArgmax, corruptions } from './corruptions.ts'
import { makeFixture } from './fixture.ts'
import { balancing, verdict } from './malicious.ts'

const fixture = makeFixture(loadBackend())
const backend = balancing(fixture.backend)
const FALSE_CLAIM = { ok: false, at: 'opening/claim', reason: 'the linear claim on the commitments is false' }

test.each(corruptions(fixture).map(c => [c.name, c] as const))('%s', async (_, { apply }) => {
  const x = fixture.execute()
  apply(x)
  const { proof } = await fixture.prove(x, { backend })
  expect(verdict(fixture, proof)).toEqual(FALSE_CLAIM)
})

test('argmax: a wrong token', async () => {
  const wrong = makeFixture(fixture.backend, 1)
  const { proof } = await wrong.prove(cheatArgmax(wrong), { backend })
  expect(verdict(wrong, proof)).toEqual(FALSE_CLAIM)
})
