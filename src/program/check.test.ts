import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { fInv, P, toF } from '../field/goldilocks.ts'
import { cheatArgmax, corruptions, rebalance } from '../proof/corruptions.ts'
import { makeFixture } from '../proof/fixture.ts'
import { checkProgram } from './check.ts'

const fixture = makeFixture(loadBackend())
const table = corruptions(fixture)

test('an honest witness satisfies every relation and lookup', () => {
  const x = fixture.execute()
  expect(checkProgram(fixture.program, t => x.values(t))).toEqual([])
})

test.each(table.map(c => [c.name, c] as const))('%s', (_, { apply, fires }) => {
  const x = fixture.execute()
  apply(x)
  expect(checkProgram(fixture.program, t => x.values(t))).toEqual(fires)
})

test('argmax: a wrong token', () => {
  const wrong = makeFixture(loadBackend(), 1)
  const x = cheatArgmax(wrong)
  expect(checkProgram(wrong.program, t => x.values(t))).toEqual(['argmax.diff.2'])
})

test('attention: the score of a masked pair may be anything, and nothing depends on it', () => {
  const x = fixture.execute()
  const { y, remainder, shift } = fixture.nodes.attention.z
  const low = x.ints(remainder?.tensors[0] ?? y.tensor)
  const wide = x.wide(y.tensor)
  wide.set(Array.from(x.ints(y.tensor), BigInt))
  // The remainder of pair (0, 1) moves by one, its score by 2^-shift in the field.
  const by = low[1] === 0 ? 1n : -1n
  low[1] = (low[1] ?? 0) + Number(by)
  const score = toF((wide[1] ?? 0n) - by * fInv(1n << BigInt(shift)))
  wide[1] = score > P / 2n ? score - P : score
  rebalance(fixture.program, x)
  expect(checkProgram(fixture.program, t => x.values(t))).toEqual([])
})

test('every kind of relation and lookup is noticed by some corruption', () => {
  const kind = (name: string): string => name.replace(/^[^:.]*/, '').replace(/\d+$/, '')
  const fired = new Set([...table.flatMap(c => c.fires), 'argmax.diff.2'].map(kind))
  const all = [...fixture.program.relations, ...fixture.program.lookups].map(r => kind(r.name))
  expect([...new Set(all)].filter(k => !fired.has(k)).sort()).toEqual([])
})
