/**
 * Linear algebra on the real prover's transcripts. With the challenges fixed, everything the prover sends is a function of
 * its secret and its randomness. Masked scalars and the two values of the products check are matched by pads alone;
 * given those, the opening is affine in the uniform rows and tails. Tests only.
 */
import { vi } from 'vitest'
import type { Backend } from '../backend/backend.ts'
import { loadBackend } from '../backend/index.ts'
import type { CommitmentShape, Geometry } from '../commit/geometry.ts'
import { fInv, fMul, fSub, type K, kAdd, kInv, kMul, kSub, toF } from '../field/goldilocks.ts'
import { Transcript } from '../transcript/transcript.ts'
import type { ProveOutput } from './prove-core.ts'
import { type RandomFill, uniformField } from './random.ts'
import type { Setup } from './setup.ts'
import { makeTiny, type Secret, type Tiny } from './tiny.ts'

/** Rows of 64 entries, and few queries on a small domain: hiding does not depend on soundness. */
export interface Instance {
  readonly queries: number
  /** Uniform coefficients behind every row. */
  readonly tail: number
}

export const SHAPE: CommitmentShape = { logRow: 6, logDomain: 10, rows: 2, tail: 64 }

export const weaken = ({ queries, tail }: Instance) => (g: Geometry): Geometry => ({
  ...g,
  shape: { ...g.shape, logDomain: 8, tail },
  witnessTail: tail,
  code: { ...g.code, queries },
})

export const backend: Backend = new Proxy(loadBackend(), {
  get: (target, property) => {
    if (property === 'grind') return () => 0n
    const value = target[property as keyof Backend]
    return typeof value === 'function' ? value.bind(target) : value
  },
})

/** Challenges depend on tags and on the statement alone, until mocks are restored. */
export const freezeChallenges = (): void => {
  const { absorbBytes, absorbK } = Transcript.prototype
  vi.spyOn(Transcript.prototype, 'absorbBytes').mockImplementation(function (this: Transcript, tag: string, bytes: Uint8Array) {
    absorbBytes.call(this, tag, tag === 'statement' ? bytes : new Uint8Array(0))
  })
  vi.spyOn(Transcript.prototype, 'absorbK').mockImplementation(function (this: Transcript, tag: string) {
    absorbK.call(this, tag)
  })
}

/** All the prover's randomness but the weights' own, in the order of use. */
export interface Randomness {
  readonly pads: BigUint64Array
  readonly masks: BigUint64Array
  readonly tails: BigUint64Array
}

export const instanceOf = (at: Instance, secret: Secret, weightsTails: BigUint64Array): Tiny =>
  makeTiny(backend, SHAPE, secret, weightsTails, weaken(at))

export const weightsTailsOf = ({ tail }: Instance, random: RandomFill): BigUint64Array => uniformField(SHAPE.rows * tail, random)

export const randomnessOf = ({ extra, geometry: g }: Setup, random: RandomFill): Randomness => ({
  pads: uniformField(2 * extra.total, random),
  masks: uniformField(3 * 2 ** g.shape.logRow, random),
  tails: uniformField(g.witnessRows * g.witnessTail, random),
})

/** A proof from exactly this randomness. */
export const proveWith = async (tiny: Pick<Tiny, 'prove'>, { pads, masks, tails }: Randomness, statement = 'tiny'): Promise<ProveOutput> => {
  const bytes = new Uint8Array(BigUint64Array.from([...pads, ...masks, ...tails]).buffer)
  let at = 0
  const fill: RandomFill = out => {
    out.set(bytes.subarray(at, at + out.length))
    at += out.length
  }
  return tiny.prove(fill, new TextEncoder().encode(statement))
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
const isMasked = (tag: string): boolean => tag === 'masked' || tag.startsWith('products')

/** What pads alone hide. */
export const maskedPart = (out: ProveOutput): K[] => {
  const words = elements(out, isMasked)
  return Array.from({ length: words.length / 2 }, (_, i) => [words[2 * i] ?? 0n, words[2 * i + 1] ?? 0n] as const)
}
/** What the uniform rows and tails hide. */
export const openedPart = (out: ProveOutput): bigint[] => elements(out, tag => !isMasked(tag))

const addK = (target: BigUint64Array, index: number, by: K): void => {
  const sum = kAdd([target[2 * index] ?? 0n, target[2 * index + 1] ?? 0n], by)
  target[2 * index] = sum[0]
  target[2 * index + 1] = sum[1]
}

/** Pads under which another secret sends the masked scalars and A(r), B(r) that are wanted. */
export const matchPads = async (tiny: Pick<Tiny, 'prove' | 'setup'>, base: Randomness, wanted: readonly K[], statement?: string): Promise<Randomness> => {
  const { extra, products } = tiny.setup
  const taken = new Set(products.map(p => p.product))
  const sent = Array.from({ length: extra.a0 }, (_, i) => i).filter(i => !taken.has(i))
  if (wanted.length !== sent.length + 2) throw new RangeError(`${wanted.length} masked scalars for ${sent.length} pads`)
  const at = (values: readonly K[], i: number): K => values[i] ?? [0n, 0n]
  const pads = base.pads.slice()
  const parts = async (): Promise<K[]> => maskedPart(await proveWith(tiny, { ...base, pads }, statement))
  const first = await parts()
  sent.forEach((pad, k) => addK(pads, pad, kSub(at(first, k), at(wanted, k))))
  for (const [k, pad] of [[sent.length, extra.a0], [sent.length + 1, extra.b0]] as const) {
    const before = at(await parts(), k)
    addK(pads, pad, [1n, 0n])
    const slope = kSub(at(await parts(), k), before)
    addK(pads, pad, kSub(kMul(kSub(at(wanted, k), before), kInv(slope)), [1n, 0n]))
  }
  return { ...base, pads }
}

export const difference = (a: readonly bigint[], b: readonly bigint[]): bigint[] => a.map((v, i) => fSub(v, b[i] ?? 0n))

/** A copy with entry i raised by one. */
export const raised = (values: BigUint64Array, i: number): BigUint64Array =>
  values.map((v, k) => (k === i ? toF(v + 1n) : v))

/** Takes vectors modulo a growing span; a vector that becomes zero lies in it. */
export class Span {
  readonly #basis: { readonly pivot: number; readonly row: readonly bigint[] }[]

  constructor(from?: Span) {
    this.#basis = [...(from ? from.#basis : [])]
  }

  reduce(vector: readonly bigint[]): bigint[] {
    const out = [...vector]
    for (const { pivot, row } of this.#basis) {
      const factor = out[pivot] ?? 0n
      if (factor === 0n) continue
      for (let i = pivot; i < out.length; i++) {
        const v = row[i] ?? 0n
        if (v !== 0n) out[i] = toF((out[i] ?? 0n) - factor * v)
      }
    }
    return out
  }

  add(vector: readonly bigint[]): void {
    const left = this.reduce(vector)
    const pivot = left.findIndex(v => v !== 0n)
    if (pivot < 0) return
    const scale = fInv(left[pivot] ?? 1n)
    this.#basis.push({ pivot, row: left.map(v => fMul(v, scale)) })
  }

  holds(vector: readonly bigint[]): boolean {
    return this.reduce(vector).every(v => v === 0n)
  }
}

export const spanOf = (vectors: readonly (readonly bigint[])[], from?: Span): Span => {
  const out = new Span(from)
  for (const vector of vectors) out.add(vector)
  return out
}
