import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { corruptions } from './corruptions.ts'
import { makeFixture } from './fixture.ts'
import { balancing, verdict } from './malicious.ts'

const fixture = makeFixture(loadBackend())
const backend = balancing(fixture.backend)
const FALSE_CLAIM = { ok: false, at: 'opening/claim', reason: 'the linear claim on the commitments is false' }

test('the honest witness is accepted, by the same prover', async () => {
  const { proof } = await fixture.prove(fixture.execute(), { backend })
  expect(verdict(fixture, proof)).toEqual({ ok: true })
})

/** One relation, one lookup. The slow suite proves them all. */
const SAMPLE = ['embed: swapped rows', 'attention: row maximum too large']

test.each(SAMPLE)('%s', async name => {
  const found = corruptions(fixture).find(c => c.name === name)
  const x = fixture.execute()
  found?.apply(x)
  const { proof } = await fixture.prove(x, { backend })
  expect(verdict(fixture, proof)).toEqual(FALSE_CLAIM)
})
