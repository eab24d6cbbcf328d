import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Backend } from '../backend/backend.ts'
import { loadBackend } from '../backend/index.ts'
import type { Geometry } from '../commit/geometry.ts'
import { fInv, fMul, fSub, type K, kAdd, kInv, kMul, kSub, toF } from '../field/goldilocks.ts'
import { Transcript } from '../transcript/transcript.ts'
import type { ProveOutput } from './prove-core.ts'
import { uniformField } from './random.ts'
import { seededRandom } from './testing.ts'
import { drawSecret, makeTiny, matchOutside, type Secret } from './tiny.ts'

/*
 * With the challenges fixed, everything the prover sends is a function of its secret and its randomness. Masked scalars
 * and the two values of the products check are matched by pads alone; given those, the opening is affine in the uniform
 * rows and tails. It hides the secret iff the difference between two secrets' transcripts lies in the span of that
 * randomness (the linear algebra of spec/zero-knowledge.md, on the real prover).
 */

const QUERIES = 6
const SHAPE = { logRow: 6, logDomain: 10, rows: 2, tail: 64 }
/** Few queries on a small domain: hiding does not depend on soundness. */
const weaken = (g: Geometry): Geometry => ({
  ...g,
  shape: { ...g.shape, logDomain: 8, tail: QUERIES },
  witnessTail: QUERIES,
  code: { ...g.code, queries: QUERIES },
})

const backend: Backend = new Proxy(loadBackend(), {
  get: (target, property) => {
    if (property === 'grind') return () => 0n
    const value = target[property as keyof Backend]
    return typeof value === 'function' ? value.bind(target) : value
  },
})

beforeEach(() => {
  // Challenges depend on tags alone.
  const { absorbBytes, absorbK } = Transcript.prototype
  vi.spyOn(Transcript.prototype, 'absorbBytes').mockImplementation(function (this: Transcript, tag: string) {
    absorbBytes.call(this, tag, new Uint8Array(0))
  })
  vi.spyOn(Transcript.prototype, 'absorbK').mockImplementation(function (this: Transcript, tag: string) {
    absorbK.call(this, tag)
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** All the prover's randomness, in the order of use. */
interface Randomness {
  readonly pads: BigUint64Array
  readonly masks: BigUint64Array
  readonly tails: BigUint64Array
  readonly weightsTails: BigUint64Array
}

const run = async (secret: Secret, { pads, masks, tails, weightsTails }: Randomness): Promise<ProveOutput> => {
  const source = BigUint64Array.from([...pads, ...masks, ...tails])
  const bytes = new Uint8Array(source.buffer)
  let at = 0
  return makeTiny(backend, SHAPE, secret, weightsTails, weaken).prove(out => {
    out.set(bytes.subarray(at, at + out.length))
    at += out.length
  })
}

/** Field elements sent under tags that `wanted` accepts; digests and nonces are no field elements. */
const elements = ({ proof, fields }: ProveOutput, wanted: (tag: string) => boolean): bigint[] => {
  const view = new DataView(proof.buffer, proof.byteOffset)
  return fields.flatMap(({ tag, offset, length }) =>
    /(root|path|pow)$/.test(tag) || !wanted(tag)
      ? []
      : Array.from({ length: length / 8 }, (_, i) => view.getBigUint64(offset + 8 * i, true)),
  )
}
const matched = (tag: string): boolean => tag === 'masked' || tag.startsWith('products')
const opened = (tag: string): boolean => !matched(tag)
const pairs = (words: readonly bigint[]): K[] =>
  Array.from({ length: words.length / 2 }, (_, i) => [words[2 * i] ?? 0n, words[2 * i + 1] ?? 0n] as const)

const addK = (target: BigUint64Array, index: number, by: K): void => {
  const sum = kAdd([target[2 * index] ?? 0n, target[2 * index + 1] ?? 0n], by)
  target[2 * index] = sum[0]
  target[2 * index + 1] = sum[1]
}

/** Reduces vectors to a basis; answers whether a vector lies in the span. */
const spanOf = (columns: readonly (readonly bigint[])[]): ((vector: readonly bigint[]) => boolean) => {
  const basis: { pivot: number; row: bigint[] }[] = []
  const reduce = (vector: readonly bigint[]): bigint[] => {
    const out = [...vector]
    for (const { pivot, row } of basis) {
      const factor = out[pivot] ?? 0n
      if (factor === 0n) continue
      for (let i = pivot; i < out.length; i++) {
        const v = row[i] ?? 0n
        if (v !== 0n) out[i] = toF((out[i] ?? 0n) - factor * v)
      }
    }
    return out
  }
  for (const column of columns) {
    const left = reduce(column)
    const pivot = left.findIndex(v => v !== 0n)
    if (pivot < 0) continue
    const scale = fInv(left[pivot] ?? 1n)
    basis.push({ pivot, row: left.map(v => fMul(v, scale)) })
  }
  return vector => reduce(vector).every(v => v === 0n)
}

const SECRETS = [
  { x: [1, 2, 3], y: [4, 15] },
  { x: [7, 5, 7], y: [0, 9] },
] as const

test('two secrets with one statement give one distribution of proofs, and not with less randomness', async () => {
  const random = seededRandom(5)
  const [first, draft] = SECRETS.map(({ x, y }) => drawSecret(x, y, random)) as [Secret, Secret]
  const none = new BigUint64Array(SHAPE.rows * QUERIES)
  const { commitment, setup } = makeTiny(backend, SHAPE, first, none, weaken)
  const outsideOf = (secret: Secret): K => makeTiny(backend, SHAPE, secret, none, weaken).commitment.outside
  const second = matchOutside(draft, outsideOf, commitment.outside)
  expect(outsideOf(second)).toEqual(commitment.outside)
  const { geometry: g, extra, products } = setup
  const width = 2 ** g.shape.logRow
  const base: Randomness = {
    pads: uniformField(2 * extra.total, random),
    masks: uniformField(3 * width, random),
    tails: uniformField(g.witnessRows * QUERIES, random),
    weightsTails: uniformField(SHAPE.rows * QUERIES, random),
  }
  const one = await run(first, base)

  // Pads of the second secret that give the first one's masked scalars, then its A(r) and B(r).
  const taken = new Set(products.map(p => p.product))
  const sent = Array.from({ length: extra.a0 }, (_, i) => i).filter(i => !taken.has(i))
  const target = pairs(elements(one, matched))
  expect(target.length).toBe(sent.length + 2)
  const pads = base.pads.slice()
  const masked = pairs(elements(await run(second, base), matched))
  sent.forEach((pad, k) => addK(pads, pad, kSub(masked[k] as K, target[k] as K)))
  for (const [k, pad] of [[0, extra.a0], [1, extra.b0]] as const) {
    const value = async (): Promise<K> => pairs(elements(await run(second, { ...base, pads }), matched))[sent.length + k] as K
    const before = await value()
    addK(pads, pad, [1n, 0n])
    const slope = kSub(await value(), before)
    addK(pads, pad, kSub(kMul(kSub(target[sent.length + k] as K, before), kInv(slope)), [1n, 0n]))
  }
  const two = await run(second, { ...base, pads })
  expect(pairs(elements(two, matched))).toEqual(target)

  // The opening: affine in masks and tails.
  const origin = elements(one, opened)
  const difference = elements(two, opened).map((v, i) => fSub(v, origin[i] ?? 0n))
  expect(difference.some(v => v !== 0n)).toBe(true)
  const respond = async (part: 'masks' | 'tails' | 'weightsTails', i: number): Promise<bigint[]> => {
    const moved = base[part].slice()
    moved[i] = toF((moved[i] ?? 0n) + 1n)
    return elements(await run(first, { ...base, [part]: moved }), opened).map((v, k) => fSub(v, origin[k] ?? 0n))
  }
  const columns: { part: string; index: number; column: bigint[] }[] = []
  for (const part of ['masks', 'tails', 'weightsTails'] as const) {
    for (let i = 0; i < base[part].length; i++) columns.push({ part, index: i, column: await respond(part, i) })
  }
  const hides = (keep: (c: { part: string; index: number }) => boolean): boolean =>
    spanOf(columns.filter(keep).map(c => c.column))(difference)
  const maskRow = (index: number): number => Math.floor(index / width)
  expect(hides(() => true)).toBe(true)
  expect(hides(c => c.part !== 'masks' || maskRow(c.index) !== 0), 'without the mask of the sumcheck').toBe(false)
  expect(hides(c => c.part !== 'masks' || maskRow(c.index) !== 2), 'with one uniform row').toBe(false)
  expect(hides(c => c.part !== 'tails' || c.index % QUERIES !== 0), 'with shorter witness tails').toBe(false)
  expect(hides(c => c.part !== 'weightsTails' || c.index % QUERIES !== 0), 'with shorter weight tails').toBe(false)
})
