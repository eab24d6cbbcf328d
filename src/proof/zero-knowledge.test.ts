import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { K } from '../field/goldilocks.ts'
import { difference, freezeChallenges, instanceOf, maskedPart, matchPads, openedPart, proveWith, raised, randomnessOf, spanOf, weightsTailsOf } from './hiding.ts'
import { seededRandom } from './testing.ts'
import { drawSecret, matchOutside, type Secret } from './tiny.ts'

/*
 * A proof hides its secret iff the difference between two secrets' transcripts lies in the span of the randomness that
 * pads leave (the linear algebra of spec/zero-knowledge.md, on the real prover).
 */

const SECRETS = [
  { x: [1, 2, 3], y: [4, 15] },
  { x: [7, 5, 7], y: [0, 9] },
] as const

beforeEach(freezeChallenges)
afterEach(() => {
  vi.restoreAllMocks()
})

/** One column of the transcript's linear response to the randomness. */
interface Column {
  readonly part: 'masks' | 'tails' | 'weights'
  readonly index: number
  readonly values: readonly bigint[]
}

test('two secrets with one statement give one distribution of proofs, and not with less randomness', async () => {
  const at = { queries: 6, tail: 6 }
  const random = seededRandom(5)
  const [first, draft] = SECRETS.map(({ x, y }) => drawSecret(x, y, random)) as [Secret, Secret]
  const weightsTails = weightsTailsOf(at, random)
  const outsideOf = (secret: Secret): K => instanceOf(at, secret, weightsTails).commitment.outside
  const second = matchOutside(draft, outsideOf, outsideOf(first))
  expect(outsideOf(second)).toEqual(outsideOf(first))
  const [one, two] = [first, second].map(secret => instanceOf(at, secret, weightsTails)) as [ReturnType<typeof instanceOf>, ReturnType<typeof instanceOf>]
  const base = randomnessOf(one.setup, random)
  const honest = await proveWith(one, base)
  const other = await proveWith(two, await matchPads(two, base, maskedPart(honest)))
  expect(maskedPart(other)).toEqual(maskedPart(honest))

  // The opening: affine in masks and tails.
  const origin = openedPart(honest)
  const gap = difference(openedPart(other), origin)
  expect(gap.some(v => v !== 0n)).toBe(true)
  const columns: Column[] = []
  for (const part of ['masks', 'tails'] as const) {
    for (let index = 0; index < base[part].length; index++) {
      const moved = await proveWith(one, { ...base, [part]: raised(base[part], index) })
      columns.push({ part, index, values: difference(openedPart(moved), origin) })
    }
  }
  for (let index = 0; index < weightsTails.length; index++) {
    const moved = await proveWith(instanceOf(at, first, raised(weightsTails, index)), base)
    columns.push({ part: 'weights', index, values: difference(openedPart(moved), origin) })
  }
  // Groups of randomness that are each enough to matter; all else is eliminated once.
  const row = ({ part, index }: Column): number => (part === 'masks' ? Math.floor(index / 64) : -1)
  const leading = (name: Column['part']) => (c: Column): boolean => c.part === name && c.index % at.tail === 0
  const groups: readonly [string, (c: Column) => boolean][] = [
    ['the mask of the sumcheck', c => row(c) === 0],
    ['one of two uniform rows', c => row(c) === 2],
    ['one uniform coefficient of every witness row', leading('tails')],
    ['one uniform coefficient of every row of weights', leading('weights')],
  ]
  const valuesOf = (keep: (c: Column) => boolean): (readonly bigint[])[] => columns.filter(keep).map(c => c.values)
  const rest = spanOf(valuesOf(c => !groups.some(([, holds]) => holds(c))))
  expect(spanOf(valuesOf(c => groups.some(([, holds]) => holds(c))), rest).holds(gap)).toBe(true)
  for (const [missing, within] of groups) {
    const others = valuesOf(c => !within(c) && groups.some(([, holds]) => holds(c)))
    expect(spanOf(others, rest).holds(gap), `without ${missing}`).toBe(false)
  }
})
