import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { K } from '../field/goldilocks.ts'
import { difference, freezeChallenges, type Instance, instanceOf, maskedPart, matchPads, openedPart, proveWith, raised, randomnessOf, Span, weightsTailsOf } from './hiding.ts'
import { seededRandom } from './testing.ts'
import { drawSecret, matchOutside, type Secret } from './tiny.ts'

/*
 * Many proofs open one commitment: together they must hide the weights as long as the tails cover all their columns.
 * Each proof has its own masks, so those are eliminated proof by proof; the weights' tails are shared.
 */

beforeEach(freezeChallenges)
afterEach(() => {
  vi.restoreAllMocks()
})

const QUERIES = 3
const PROOFS = ['first', 'second']

/**
 * Whether the proofs hide which of two models is behind the commitment, by how many uniform coefficients of every weights
 * row are no longer secret.
 * @param short uniform coefficients of every witness row that are missing
 */
const hiding = async (at: Instance, short: number): Promise<(known: number) => boolean> => {
  const random = seededRandom(6)
  const [model, draft] = [drawSecret([1, 2, 3], [4, 15], random), drawSecret([7, 5, 7], [0, 9], random)]
  const weightsTails = weightsTailsOf(at, random)
  const outsideOf = (secret: Secret): K => instanceOf(at, secret, weightsTails).commitment.outside
  const other = matchOutside(draft, outsideOf, outsideOf(model))
  const [one, two] = [instanceOf(at, model, weightsTails), instanceOf(at, other, weightsTails)]
  const gap: bigint[] = []
  const shared: bigint[][] = Array.from(weightsTails, () => [])
  for (const statement of PROOFS) {
    const base = randomnessOf(one.setup, random)
    const honest = await proveWith(one, base, statement)
    const origin = openedPart(honest)
    const masks = new Span()
    for (const part of ['masks', 'tails'] as const) {
      for (let i = 0; i < base[part].length; i++) {
        if (part === 'tails' && i % at.tail < short) continue
        masks.add(difference(openedPart(await proveWith(one, { ...base, [part]: raised(base[part], i) }, statement)), origin))
      }
    }
    const cheat = await proveWith(two, await matchPads(two, base, maskedPart(honest), statement), statement)
    gap.push(...masks.reduce(difference(openedPart(cheat), origin)))
    for (let i = 0; i < weightsTails.length; i++) {
      const moved = await proveWith(instanceOf(at, model, raised(weightsTails, i)), base, statement)
      shared[i]?.push(...masks.reduce(difference(openedPart(moved), origin)))
    }
  }
  return known => {
    const span = new Span()
    shared.forEach((column, i) => {
      if (i % at.tail >= known) span.add(column)
    })
    return span.holds(gap)
  }
}

const AT = { queries: QUERIES, tail: PROOFS.length * QUERIES }

test('two proofs against one commitment hide the weights with a tail for both, and not with less', async () => {
  const hides = await hiding(AT, 0)
  expect(hides(0)).toBe(true)
  expect(hides(1), 'with a tail too short for both').toBe(false)
})

test('the uniform rows must cover the whole tail of the weights', async () => {
  const hides = await hiding(AT, QUERIES)
  expect(hides(0)).toBe(false)
})
