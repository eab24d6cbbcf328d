/** Prover of tlookup. Mirrors verify.ts. */
import type { Affine, Backend, EqWeights, Fractions, KVec, LayerTables, Leaves, Level, Source } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ONE, K_ZERO, kAdd, kInv, kIsZero, kMul, kNeg, kScale, kSub, toF } from '../field/goldilocks.ts'
import { eqWeights } from '../poly/multilinear.ts'
import type { Layout } from '../program/layout.ts'
import type { CommitmentName, Program } from '../program/program.ts'
import { silent, type Tick } from '../proof/tick.ts'
import { kAt } from '../sumcheck/tables.ts'
import type { ProverChannel } from '../zk/channel.ts'
import type { LeafRange, LookupPlan } from './plan.ts'
import { drawFingerprint, type FingerprintChallenges, tableTag } from './verify.ts'

const slice = (v: KVec, from: number, to: number): KVec => ({ c0: v.c0.subarray(from, to), c1: v.c1.subarray(from, to) })

/** Where the stacks of the commitments lie. */
export type Stacks = (name: CommitmentName) => { readonly layout: Layout; readonly data: Source }

const ONE: Affine = { constant: K_ONE, terms: [] }

/** Numerators 1, or minus the multiplicities; denominators beta - fingerprint: affine in the entries of the stacks. */
const leavesOf = (program: Program, plan: LookupPlan, stacks: Stacks, { columns, beta }: FingerprintChallenges): Leaves => {
  const lookup = (range: LeafRange & { kind: 'lookup' }): { p: Affine; q: Affine } => {
    let constant = kSub(beta, tableTag(range.lookup.table))
    const terms = range.lookup.columns.flatMap((column, k) => {
      const weight = columns[k + 1] ?? K_ZERO
      constant = kSub(constant, kScale(weight, toF(column.offset)))
      return column.entries.map(({ coef, tensor }) => {
        const { layout, data } = stacks(tensor.commitment)
        const block = layout.blocks[tensor.id]?.[range.block]
        if (!block || block.bits !== range.bits) throw new InternalError(`${range.lookup.name}: ${tensor.name} has another shape`)
        return { coef: kScale(weight, toF(-coef)), data, at: block.offset }
      })
    })
    return { p: ONE, q: { constant, terms } }
  }
  const table = (index: number, length: number): { p: Affine; q: Affine } => {
    const { layout, data } = stacks('witness')
    const block = layout.blocks[program.multiplicities[index]?.id ?? -1]?.[0]
    if (!block) throw new InternalError(`table ${index} has no multiplicities`)
    const rows = program.tables[index]?.columns
    const ints = rows === 'range' || !rows ? [Int32Array.from({ length }, (_, i) => i)] : rows
    return {
      p: { constant: K_ZERO, terms: [{ coef: kNeg(K_ONE), data, at: block.offset }] },
      q: {
        constant: kSub(beta, tableTag(index)),
        terms: ints.map((column, k) => ({ coef: kNeg(columns[k + 1] ?? K_ZERO), data: column, at: 0 })),
      },
    }
  }
  const ranges = plan.ranges.map(range => {
    const length = 2 ** range.bits
    return { offset: range.offset, length, ...(range.kind === 'lookup' ? lookup(range) : table(range.table, length)) }
  })
  return { depth: plan.depth, ranges: ranges.sort((a, b) => a.offset - b.offset) }
}

/**
 * Height of the lowest level that is kept until its turn; those below are computed anew, since each is as large as all
 * above it. Kept levels, and then the tables of one layer, take 2^(depth - height + 6) bytes.
 */
const keptHeight = (depth: number): number => Math.min(depth, Math.max(2, depth - 26))

/** Memory for `length` fractions or tables of K, from an offset on. */
const fractions = (memory: KVec, from: number, length: number): Fractions => ({
  p: slice(memory, from, from + length),
  q: slice(memory, from + length, from + 2 * length),
})

/** Where the bound tables of a layer go: `size` entries at the start of each half of its level, or one after the other. */
const tablesIn = (into: Fractions | KVec, size: number, rightSize: number): LayerTables => {
  const at = (v: KVec, from: number, length: number) => slice(v, from, from + length)
  if ('p' in into) {
    const half = into.q.c0.length / 2
    return { u: at(into.p, 0, size), p1: at(into.p, half, rightSize), q0: at(into.q, 0, size), q1: at(into.q, half, rightSize) }
  }
  const [p1, q1] = [2 * size, 2 * size + rightSize]
  return { u: at(into, 0, size), q0: at(into, size, size), p1: at(into, p1, rightSize), q1: at(into, q1, rightSize) }
}

/** The only entry of a bound table, or what it stands for when truncated. */
const value = (v: KVec, rest: K): K => (v.c0.length > 0 ? kAt(v, 0) : rest)

/** Share of the work that goes into building the tree; a layer costs twice the one before. */
const BUILT = 0.2

export const proveLookups = async (
  channel: ProverChannel,
  program: Program,
  plan: LookupPlan,
  stacks: Stacks,
  backend: Backend,
  tick: Tick = silent,
): Promise<void> => {
  const { depth, used } = plan
  // V -> P: fingerprint and denominator challenges.
  const fingerprint = drawFingerprint(plan, (tag, count) => channel.challenges(tag, count))
  await tick(0)
  const leaves = leavesOf(program, plan, stacks, fingerprint)
  const kept = keptHeight(depth)
  const words = 2 ** (depth - kept + 2)
  const memory: KVec = { c0: backend.zeros(words), c1: backend.zeros(words) }
  // Level k has 2^k nodes; the last is taken first.
  let level = fractions(memory, 0, 2 ** (depth - kept))
  backend.fractionLevel({ leaves, height: kept }, level)
  await tick(BUILT / 2)
  const levels = [level]
  for (let size = 2 ** (depth - kept), at = 2 * size; size > 1; at += 2 * size) {
    size /= 2
    const above = fractions(memory, at, size)
    backend.fractionUp(level, above)
    levels.push((level = above))
  }
  levels.pop()
  let [p, q] = [value(level.p, K_ZERO), value(level.q, K_ONE)]
  if (!kIsZero(p)) {
    throw new InternalError('the looked-up values and the tables do not balance: the witness is not in its tables')
  }
  // P -> V: the root's denominator and its inverse.
  channel.send('lookup/root', q)
  channel.send('lookup/root inverse', kInv(q))
  channel.product()
  let point: K[] = []
  for (let layer = 0; layer < depth; layer++) {
    const tag = `lookup/layer ${layer}`
    // V -> P: lambda combines numerator and denominator.
    const lambda = channel.challenge(tag)
    let claim = kAdd(p, kMul(lambda, q))
    const height = depth - 1 - layer
    const stored = height >= kept ? (levels.pop() ?? level) : undefined
    const below: Level = stored ?? { leaves, height }
    // So many variables are bound before the tables are in memory.
    const ahead = Math.min(layer, stored ? 1 : kept - height)
    const size = 2 ** (layer - ahead)
    let tables = tablesIn(stored ?? memory, size, Math.max(0, Math.min(size, used - 2 ** layer)))
    const challenges: K[] = []
    const lowBits = layer >> 1
    const eqLowAll = backend.expand(eqWeights(point.slice(layer - lowBits)).flat(), K_ONE)
    const next = (round: number, by?: EqWeights): K[] => {
      if (round <= ahead) return backend.fractionStart(below, lambda, challenges, by, round === ahead ? tables : undefined)
      const bound = backend.fractionFold(tables, challenges[round - 1] ?? K_ZERO, by)
      tables = bound.tables
      return bound.h
    }
    for (let round = 0; round < layer; round++) {
      const rest = layer - round - 1
      const eqLow = rest >= lowBits ? eqLowAll : backend.expand(eqWeights(point.slice(layer - rest)).flat(), K_ONE)
      const eqHigh = backend.expand(eqWeights(point.slice(round + 1, Math.max(round + 1, layer - lowBits))).flat(), K_ONE)
      const [h0, leading] = next(round, { eqHigh, eqLow }) as [K, K]
      // The claim gives h(1): claim = (1 - z) h(0) + z h(1).
      const z = point[round] ?? K_ZERO
      const h1 = kMul(kInv(z), kSub(claim, kMul(kSub(K_ONE, z), h0)))
      // P -> V: h(0), h(2).
      channel.send(tag, h0)
      channel.send(tag, kSub(kScale(kAdd(h1, leading), 2n), h0))
      // V -> P.
      const r = channel.challenge(tag)
      challenges.push(r)
      claim = kAdd(h0, kMul(r, kAdd(kSub(kSub(h1, h0), leading), kMul(r, leading))))
    }
    next(layer)
    // P -> V: the two halves of the next layer at the point.
    const [q0, q1] = [value(tables.q0, K_ONE), value(tables.q1, K_ONE)]
    const [p0, p1] = [kSub(value(tables.u, K_ZERO), kMul(lambda, q0)), value(tables.p1, K_ZERO)]
    for (const v of [p0, p1, q0, q1]) channel.send(tag, v)
    for (let i = 0; i < 3; i++) channel.product()
    // V -> P: one point for both halves.
    const t = channel.challenge(tag)
    const at = (low: K, high: K): K => kAdd(low, kMul(t, kSub(high, low)))
    ;[p, q] = [at(p0, p1), at(q0, q1)]
    point = [t, ...challenges]
    await tick(BUILT + (1 - BUILT) * 2 ** (layer + 1 - depth))
  }
}
