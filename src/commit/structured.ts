/**
 * The opening's sumcheck sum_x f(x) W(x) without ever materialising W. Every term of W is a tensor product over
 * address bits, so on the lowest `lane` bits it takes one of few weight vectors e_c; the chunks of f that share one are
 * summed first: sum_x f W = sum_c <g_c, e_c>. After the lane's variables are bound, one value per chunk remains.
 */
import type { Backend, KVec, RowMatrix } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ZERO, kAdd, kIsZero, kMul } from '../field/goldilocks.ts'
import { type BitWeights, eqWeights, expandWeights, indexWeights } from '../poly/multilinear.ts'
import { blockWeights, ofCommitment, termBlocks } from '../program/form.ts'
import type { CommitmentName } from '../program/program.ts'
import { kAt, kVec, newK } from '../sumcheck/tables.ts'
import { denseBlock, type Layouts, layoutOf, type OpeningClaim, stackBase } from './claim.ts'
import type { Geometry } from './geometry.ts'

export type Matrices = Readonly<Partial<Record<CommitmentName, RowMatrix>>> & { readonly witness: RowMatrix }

export const matrixOf = (matrices: Matrices, name: CommitmentName): RowMatrix => {
  const found = matrices[name]
  if (!found) throw new InternalError(`no matrix of the ${name} commitment`)
  return found
}

/** Chunks (of one commitment) and their coefficients, by weight class. */
interface Class {
  readonly weights: readonly BitWeights[] | KVec
  readonly chunks: Record<CommitmentName, { index: number[]; coef: K[] }>
}

const emptyClass = (weights: readonly BitWeights[] | KVec): Class => ({
  weights,
  chunks: {
    weights: { index: [], coef: [] },
    next: { index: [], coef: [] },
    data: { index: [], coef: [] },
    witness: { index: [], coef: [] },
  },
})

const collect = (claim: OpeningClaim, layouts: Layouts, g: Geometry, lane: number): Class[] => {
  const classes = new Map<string, Class>()
  // Equal weights of a bit get one number; most are the same object too.
  const numbers = new Map<string, number>()
  const known = new Map<BitWeights, number>()
  const numberOf = (w: BitWeights): number => {
    let number = known.get(w)
    if (number === undefined) {
      const text = `${w[0][0]},${w[0][1]},${w[1][0]},${w[1][1]}`
      number = numbers.get(text) ?? numbers.size
      numbers.set(text, number)
      known.set(w, number)
    }
    return number
  }
  const at = (weights: readonly BitWeights[]): Class => {
    const key = weights.map(numberOf).join()
    let found = classes.get(key)
    if (!found) {
      found = emptyClass(weights)
      classes.set(key, found)
    }
    return found
  }
  const put = (name: CommitmentName, offset: number, coef: K, weights: readonly BitWeights[]): void => {
    const bits = weights.length
    if (bits >= lane) {
      const { index, coef: coefs } = at(weights.slice(bits - lane)).chunks[name]
      const first = offset / 2 ** lane
      expandWeights(weights.slice(0, bits - lane), coef).forEach((c, i) => {
        if (kIsZero(c)) return
        index.push(first + i)
        coefs.push(c)
      })
      return
    }
    const inside = (offset % 2 ** lane) / 2 ** bits
    const { index, coef: coefs } = at([...indexWeights(inside, lane - bits), ...weights]).chunks[name]
    index.push(Math.floor(offset / 2 ** lane))
    coefs.push(coef)
  }
  for (const { name } of g.parts) {
    for (const term of ofCommitment(claim.form, name)) {
      for (const block of termBlocks(term, layoutOf(layouts, name))) {
        const { coef, weights } = blockWeights(term, block)
        if (!kIsZero(coef)) put(name, block.offset, coef, weights)
      }
    }
  }
  for (const { commitment, coef, point } of claim.stacks) put(commitment, 0, coef, eqWeights(point))
  const out = [...classes.values()]
  // Dense terms: one class per touched chunk.
  const dense = new Map<string, { name: CommitmentName; chunk: number; weights: KVec }>()
  for (const term of claim.dense) {
    const name = term.tensor.commitment
    for (const block of layoutOf(layouts, name).blocks[term.tensor.id] ?? []) {
      denseBlock(term, block.pieces[0]?.start ?? 0, block.bits).forEach((value, i) => {
        const address = block.offset + i
        const chunk = Math.floor(address / 2 ** lane)
        const key = `${name}${chunk}`
        const found = dense.get(key) ?? { name, chunk, weights: newK(2 ** lane) }
        dense.set(key, found)
        const j = address % 2 ** lane
        const sum = kAdd(kAt(found.weights, j), value)
        found.weights.c0[j] = sum[0]
        found.weights.c1[j] = sum[1]
      })
    }
  }
  for (const { name, chunk, weights } of dense.values()) {
    const item = emptyClass(weights)
    item.chunks[name].index.push(chunk)
    item.chunks[name].coef.push([1n, 0n])
    out.push(item)
  }
  return out
}

/** target[i * stride + at] = source[i], word by word (a bigint an entry would be slow). */
const spread = (target: KVec, source: KVec, at: number, stride: number): void => {
  for (const part of ['c0', 'c1'] as const) {
    const from = source[part]
    const words = new Uint32Array(from.buffer, from.byteOffset, 2 * from.length)
    const to = new Uint32Array(target[part].buffer, target[part].byteOffset, 2 * target[part].length)
    for (let i = 0, j = 2 * at; i < words.length; i += 2, j += 2 * stride) {
      to[j] = words[i] as number
      to[j + 1] = words[i + 1] as number
    }
  }
}

/** The state of the sumcheck; `round` gives [g(0), g(1), g(2)], `bind` takes the challenge. */
export interface StructuredSum {
  round(): readonly K[]
  bind(r: K): void
  /** f at the point, once every variable is bound. */
  value(): K
}

export const structuredSum = (
  backend: Backend,
  claim: OpeningClaim,
  layouts: Layouts,
  matrices: Matrices,
  g: Geometry,
  lane: number,
): StructuredSum => {
  const width = 2 ** lane
  const stackChunks = (name: CommitmentName): number => matrixOf(matrices, name).rows * 2 ** (g.shape.logRow - lane)
  const classes = collect(claim, layouts, g, lane)
  // All classes in one pair of vectors, entry (lane index, class): one fold binds the lane's top variable in all.
  let pair: [KVec, KVec] = [newK(width * classes.length), newK(width * classes.length)]
  classes.forEach((c, k) => {
    const sums = g.parts
      .map(part => part.name)
      .filter(name => c.chunks[name].index.length > 0)
      .map(name => {
        const { index, coef } = c.chunks[name]
        return backend.combine(matrixOf(matrices, name).data, width, Uint32Array.from(index), kVec(coef))
      })
    const sum = sums[0] ?? newK(width)
    for (const other of sums.slice(1)) backend.axpy(sum, [1n, 0n], other)
    const weights = 'c0' in c.weights ? c.weights : backend.expand(c.weights.flat(), [1n, 0n])
    spread(pair[0], sum, k, classes.length)
    spread(pair[1], weights, k, classes.length)
  })
  const bound: K[] = []
  const toChunks = (): void => {
    // f at (chunk, lane point) for every chunk; W likewise.
    const size = 2 ** (g.variables - lane)
    const f = newK(size)
    const w = newK(size)
    const laneWeights = backend.expand(eqWeights(bound).flat(), [1n, 0n])
    for (const { name } of g.parts) {
      const count = stackChunks(name)
      const values = backend.dot(matrixOf(matrices, name).data, width, Uint32Array.from({ length: count }, (_, i) => i), laneWeights)
      const base = stackBase(g, name) / width
      f.c0.set(values.c0, base)
      f.c1.set(values.c1, base)
      classes.forEach((c, k) => {
        const e = kAt(pair[1], k)
        const { index, coef } = c.chunks[name]
        index.forEach((chunk, i) => {
          const sum = kAdd(kAt(w, base + chunk), kMul(e, coef[i] ?? K_ZERO))
          w.c0[base + chunk] = sum[0]
          w.c1[base + chunk] = sum[1]
        })
      })
    }
    pair = [f, w]
  }
  if (lane === 0) toChunks()
  return {
    round: () => backend.innerRound([pair]),
    bind: r => {
      pair = [backend.fold(pair[0], r), backend.fold(pair[1], r)]
      bound.push(r)
      if (bound.length === lane) toChunks()
    },
    value: () => kAt(pair[0], 0),
  }
}
