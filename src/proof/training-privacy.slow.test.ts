import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type F, type K } from '../field/goldilocks.ts'
import { STORED, type StoredName } from '../program/program.ts'
import { backend, difference, freezeChallenges, type Instance, maskedPart, matchPads, openedPart, proveWith, raised, randomnessOf, SHAPE, Span, spanOf, weaken, weightsTailsOf } from './hiding.ts'
import { seededRandom } from './testing.ts'
import { matchOutside } from './tiny.ts'
import { drawTraining, makeTraining, matchOutsides, runTraining, type TinyTraining, type TrainingSecret } from './tiny-training.ts'

/*
 * The linear algebra of zero-knowledge.test.ts on a window of training: three stored commitments, lookups over them, and
 * a mix along the steps.
 */

beforeEach(freezeChallenges)
afterEach(() => {
  vi.restoreAllMocks()
})

const AT: Instance = { queries: 6, tail: 6 }

interface Column {
  readonly part: 'masks' | 'tails' | StoredName
  readonly index: number
  readonly values: readonly bigint[]
}

test('two trainings give one distribution of proofs, and not with less randomness', async () => {
  const random = seededRandom(5)
  const tails = { weights: weightsTailsOf(AT, random), next: weightsTailsOf(AT, random), data: weightsTailsOf(AT, random) }
  const instanceOf = (secret: TrainingSecret, own = tails): TinyTraining => makeTraining(backend, SHAPE, secret, own, weaken(AT))
  const outsidesOf = (secret: TrainingSecret): Record<StoredName, K> => {
    const { weights, next, data } = instanceOf(secret).commitments
    return { weights: weights.outside, next: next.outside, data: data.outside }
  }
  const first = drawTraining([1, 2, 3, 4, 5, 6, 7, 0, 1], { weights: [2, 2], next: [4, 15] }, random)
  const draft = drawTraining([7, 7, 0, 2, 5, 1, 1, 3, 2], { weights: [8, 1], next: [0, 9] }, random)
  const second = matchOutsides(draft, outsidesOf, outsidesOf(first))
  expect(outsidesOf(second)).toEqual(outsidesOf(first))
  const [one, two] = [instanceOf(first), instanceOf(second)]
  const base = randomnessOf(one.setup, random)
  const honest = await proveWith(one, base)
  const other = await proveWith(two, await matchPads(two, base, maskedPart(honest)))
  expect(maskedPart(other)).toEqual(maskedPart(honest))

  const origin = openedPart(honest)
  const gap = difference(openedPart(other), origin)
  const columns: Column[] = []
  const respond = async (part: Column['part'], index: number, tiny: TinyTraining, from = base): Promise<void> => {
    columns.push({ part, index, values: difference(openedPart(await proveWith(tiny, from)), origin) })
  }
  for (const part of ['masks', 'tails'] as const) {
    for (let i = 0; i < base[part].length; i++) await respond(part, i, one, { ...base, [part]: raised(base[part], i) })
  }
  for (const name of STORED) {
    for (let i = 0; i < tails[name].length; i++) await respond(name, i, instanceOf(first, { ...tails, [name]: raised(tails[name], i) }))
  }
  const leading = (part: Column['part']) => (c: Column): boolean => c.part === part && c.index % AT.tail === 0
  const row = ({ part, index }: Column): number => (part === 'masks' ? Math.floor(index / 64) : -1)
  const groups: readonly [string, (c: Column) => boolean][] = [
    ['the mask of the sumcheck', c => row(c) === 0],
    ['one of two uniform rows', c => row(c) === 2],
    ['one uniform coefficient of every witness row', leading('tails')],
    ...STORED.map((name): [string, (c: Column) => boolean] => [`one uniform coefficient of every row of ${name}`, leading(name)]),
  ]
  const valuesOf = (keep: (c: Column) => boolean): (readonly bigint[])[] => columns.filter(keep).map(c => c.values)
  const rest = spanOf(valuesOf(c => !groups.some(([, holds]) => holds(c))))
  expect(spanOf(valuesOf(c => groups.some(([, holds]) => holds(c))), rest).holds(gap)).toBe(true)
  for (const [missing, within] of groups) {
    const others = valuesOf(c => !within(c) && groups.some(([, holds]) => holds(c)))
    expect(spanOf(others, rest).holds(gap), `without ${missing}`).toBe(false)
  }
})

/** Two windows of a run: data, and the states before, between and behind them; in this order their tails and blind entries. */
interface ChainSecret {
  readonly data: readonly number[]
  readonly weights: readonly F[]
  readonly lows: readonly (readonly number[])[]
  readonly blinds: readonly (readonly F[])[]
}
const STORES = ['the data', 'the first state', 'the state between', 'the last state']
/** Their proofs open different columns: where two coincide, one coefficient less suffices. */
const STATEMENTS = ['steps 0 to 2', 'steps 2 to 4']

test('a run of two windows hides data and states with tails for every proof that opens them, and not with less', async () => {
  const at: Instance = { queries: 3, tail: 6 }
  const random = seededRandom(8)
  const chainOf = (secret: ChainSecret, tails: readonly BigUint64Array[]): TinyTraining[] => {
    const { data, weights, lows, blinds } = secret
    const states = [weights, runTraining({ data, weights }).next]
    return states.map((state, k) => {
      const pick = <T>(list: readonly T[]) => ({ data: list[0] as T, weights: list[k + 1] as T, next: list[k + 2] as T })
      const low = { weights: lows[k] ?? [], next: lows[k + 1] ?? [] }
      return makeTraining(backend, SHAPE, { data, weights: state, low, blind: pick(blinds) }, pick(tails), weaken(at))
    })
  }
  const draw = (data: readonly number[], lows: ChainSecret['lows']): ChainSecret => {
    const first = drawTraining(data, { weights: [], next: [] }, random)
    const last = drawTraining(data, { weights: [], next: [] }, random)
    return { data, weights: first.weights, lows, blinds: [first.blind.data, first.blind.weights, first.blind.next, last.blind.next] }
  }
  const tails = STORES.map(() => weightsTailsOf(at, random))
  const outsidesOf = (secret: ChainSecret): K[] => {
    const [one, two] = chainOf(secret, tails).map(w => w.commitments) as [TinyTraining['commitments'], TinyTraining['commitments']]
    return [one.data, one.weights, one.next, two.next].map(c => c.outside)
  }
  const honest = draw([1, 2, 3, 4, 5, 6, 7, 0, 1], [[1, 2], [4, 15], [3, 3]])
  const wanted = outsidesOf(honest)
  const other = STORES.reduce((secret, _, i) => {
    const moved = (blind: readonly F[]): ChainSecret => ({ ...secret, blinds: secret.blinds.map((b, k) => (k === i ? blind : b)) })
    const own = matchOutside({ blind: secret.blinds[i] as readonly F[] }, ({ blind }) => outsidesOf(moved(blind))[i] as K, wanted[i] as K)
    return moved(own.blind)
  }, draw([7, 7, 0, 2, 5, 1, 1, 3, 2], [[0, 0], [11, 9], [5, 6]]))
  expect(outsidesOf(other)).toEqual(wanted)
  const [ours, theirs] = [chainOf(honest, tails), chainOf(other, tails)]
  // The state between the windows is one commitment.
  expect(ours[0]?.commitments.next).toEqual(ours[1]?.commitments.weights)
  const gap: bigint[] = []
  const shared = STORES.map(() => Array.from({ length: tails[0]?.length ?? 0 }, (): bigint[] => []))
  for (const [k, statement] of STATEMENTS.entries()) {
    const [one, two] = [ours[k], theirs[k]] as [TinyTraining, TinyTraining]
    const base = randomnessOf(one.setup, random)
    const proof = await proveWith(one, base, statement)
    const origin = openedPart(proof)
    const masks = new Span()
    for (const part of ['masks', 'tails'] as const) {
      for (let i = 0; i < base[part].length; i++) {
        masks.add(difference(openedPart(await proveWith(one, { ...base, [part]: raised(base[part], i) }, statement)), origin))
      }
    }
    gap.push(...masks.reduce(difference(openedPart(await proveWith(two, await matchPads(two, base, maskedPart(proof), statement), statement)), origin)))
    for (const [store, columns] of shared.entries()) {
      for (const [i, column] of columns.entries()) {
        const moved = chainOf(honest, tails.map((t, s) => (s === store ? raised(t, i) : t)))[k] as TinyTraining
        column.push(...masks.reduce(difference(openedPart(await proveWith(moved, base, statement)), origin)))
      }
    }
  }
  /** @param known uniform coefficients of every row of a store that are no longer secret */
  const hides = (known: (store: number) => number): boolean => {
    const span = new Span()
    for (const [store, columns] of shared.entries()) {
      for (const [i, column] of columns.entries()) if (i % at.tail >= known(store)) span.add(column)
    }
    return span.holds(gap)
  }
  expect(hides(() => 0)).toBe(true)
  // Opened by one window each, the ends may lose as many as the other window would have opened.
  expect(hides(store => (store === 1 || store === 3 ? at.queries : 0))).toBe(true)
  for (const [store, name] of STORES.entries()) {
    const needed = store === 0 || store === 2 ? STATEMENTS.length * at.queries : at.queries
    expect(hides(s => (s === store ? at.tail - needed + 1 : 0)), name).toBe(false)
  }
})
