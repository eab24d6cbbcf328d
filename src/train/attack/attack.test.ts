import { expect, test } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { checkProgram } from '../../program/check.ts'
import { balancing } from '../../proof/malicious.ts'
import { attacks } from './index.ts'
import { forge, proveForged } from './forge.ts'
import { windowFixture } from '../fixture.ts'
import { verifyWindow } from '../verify.ts'

const backend = loadBackend()
const all = attacks(backend)
const FALSE_CLAIM = {
  ok: false,
  at: 'opening/claim',
  reason: 'the linear claim on the commitments is false',
}

test.each(all.map(a => [a.name, a] as const))('%s', (_, { fixture, cheat, fires }) => {
  const x = forge(backend, fixture, cheat)
  expect(checkProgram(fixture.window.program, t => x.values(t))).toEqual(fires)
})

test('every kind of relation is broken by some attack', () => {
  const kind = (name: string): string => name.replace(/^(dense|conv)\d+/, '')
  const fired = new Set(all.flatMap(a => a.fires).map(kind))
  const kinds = all.flatMap(a => a.fixture.window.program.relations.map(r => kind(r.name)))
  expect([...new Set(kinds)].filter(k => !fired.has(k))).toEqual([])
})

test('a witness that nothing was changed in is proven and accepted, as the real prover does it', async () => {
  const fixture = windowFixture(backend, 'mlp', { steps: 1 })
  const x = forge(backend, fixture, {})
  expect(checkProgram(fixture.window.program, t => x.values(t))).toEqual([])
  expect(verifyWindow(await proveForged(backend, x))).toMatchObject({ ok: true })
})

/** One for each of the three stored commitments, and one lookup. The slow suite proves them all. */
const SAMPLE = [
  'reordered examples',
  'a gate that is always open',
  'an update applied twice',
  'a split moved by one unit of hi',
]

test.each(SAMPLE)('%s: the proof is rejected', async name => {
  const { fixture, cheat } = all.find(a => a.name === name) ?? {}
  if (!fixture || !cheat) throw new RangeError(name)
  expect(verifyWindow(await proveForged(balancing(backend), forge(backend, fixture, cheat)))).toEqual(
    FALSE_CLAIM,
  )
})

test.each([
  ['a split moved by one unit of hi', /dense1\.lo/],
  ['initial weights beyond 16 bits', /dense1/],
] as const)('%s: the honest prover refuses to make it', (name, message) => {
  const { fixture, cheat } = all.find(a => a.name === name) ?? {}
  if (!fixture || !cheat) throw new RangeError(name)
  expect(() => forge(backend, fixture, cheat, true)).toThrow(message)
})
