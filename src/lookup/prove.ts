/** Prover of tlookup. Mirrors verify.ts. */
import type { Backend, FVec, KVec } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ONE, K_ZERO, kFrom, kInv, kIsZero, kNeg, kScale, kSub, toF } from '../field/goldilocks.ts'
import { eqWeights } from '../poly/multilinear.ts'
import type { Layout } from '../program/layout.ts'
import type { Program } from '../program/program.ts'
import { kAt } from '../sumcheck/tables.ts'
import type { ProverChannel } from '../zk/channel.ts'
import type { LookupPlan } from './plan.ts'
import { drawFingerprint, type FingerprintChallenges, tableTag } from './verify.ts'

const slice = (v: KVec, from: number, to: number): KVec => ({ c0: v.c0.subarray(from, to), c1: v.c1.subarray(from, to) })

/** Leaf numerators over F and denominators over K, read off the witness stack. */
const leaves = (
  program: Program,
  plan: LookupPlan,
  layout: Layout,
  stack: BigUint64Array,
  { columns, beta }: FingerprintChallenges,
  backend: Backend,
): { p: FVec; q: KVec } => {
  const size = 2 ** plan.depth
  const p = new BigUint64Array(size)
  const q: KVec = { c0: new BigUint64Array(size), c1: new BigUint64Array(size) }
  q.c0.fill(1n, plan.used)
  for (const range of plan.ranges) {
    const from = range.offset
    const to = from + 2 ** range.bits
    const part = slice(q, from, to)
    const table = range.kind === 'table' ? range.table : range.lookup.table
    let known = kSub(beta, tableTag(table))
    if (range.kind === 'lookup') {
      p.fill(1n, from, to)
      range.lookup.columns.forEach((column, k) => {
        const weight = columns[k + 1] ?? K_ZERO
        known = kSub(known, kScale(weight, toF(column.offset)))
        for (const { coef, tensor } of column.entries) {
          const block = layout.blocks[tensor.id]?.[range.block]
          if (!block || block.bits !== range.bits) throw new InternalError(`${range.lookup.name}: ${tensor.name} has another shape`)
          backend.axpy(part, kScale(weight, toF(-coef)), stack.subarray(block.offset, block.offset + 2 ** block.bits))
        }
      })
    } else {
      const block = layout.blocks[program.multiplicities[table]?.id ?? -1]?.[0]
      if (!block) throw new InternalError(`table ${table} has no multiplicities`)
      for (let i = 0; i < 2 ** range.bits; i++) {
        const m = stack[block.offset + i] ?? 0n
        p[from + i] = m === 0n ? 0n : toF(-m)
      }
      const rows = program.tables[table]?.columns
      const ints = rows === 'range' || !rows ? [Int32Array.from({ length: to - from }, (_, i) => i)] : rows
      ints.forEach((column, k) => {
        backend.axpy(part, kNeg(columns[k + 1] ?? K_ZERO), column)
      })
    }
    backend.addScalar(part, known)
  }
  return { p, q }
}

export const proveLookups = (
  channel: ProverChannel,
  program: Program,
  plan: LookupPlan,
  layout: Layout,
  stack: BigUint64Array,
  backend: Backend,
  onLayer?: (done: number) => void,
): void => {
  // V -> P: fingerprint and denominator challenges.
  const fingerprint = drawFingerprint(plan, (tag, count) => channel.challenges(tag, count))
  let level: { p: FVec | KVec; q: KVec } = leaves(program, plan, layout, stack, fingerprint, backend)
  const levels = [level]
  for (let k = plan.depth; k > 0; k--) {
    level = backend.fractionUp(level.p, level.q)
    levels.unshift(level)
  }
  const root = kAt(level.q, 0)
  if (!kIsZero('c0' in level.p ? kAt(level.p, 0) : kFrom(level.p[0] ?? 0n))) {
    throw new InternalError('the looked-up values and the tables do not balance: the witness is not in its tables')
  }
  // P -> V: the root's denominator and its inverse.
  channel.send('lookup/root', root)
  channel.send('lookup/root inverse', kInv(root))
  channel.product()
  let point: K[] = []
  for (let layer = 0; layer < plan.depth; layer++) {
    const tag = `lookup/layer ${layer}`
    // V -> P: lambda combines numerator and denominator.
    const lambda = channel.challenge(tag)
    const { p, q } = levels[layer + 1] as { p: FVec | KVec; q: KVec }
    const half = 2 ** layer
    const cut = (v: FVec | KVec, from: number): FVec | KVec =>
      'c0' in v ? slice(v, from, from + half) : v.subarray(from, from + half)
    let [p0, p1] = [cut(p, 0), cut(p, half)]
    let [q0, q1] = [slice(q, 0, half), slice(q, half, 2 * half)]
    const challenges: K[] = []
    const lowBits = layer >> 1
    const eqLowAll = backend.expand(eqWeights(point.slice(layer - lowBits)).flat(), K_ONE)
    for (let round = 0; round < layer; round++) {
      const rest = layer - round - 1
      const eqLow = rest >= lowBits ? eqLowAll : backend.expand(eqWeights(point.slice(layer - rest)).flat(), K_ONE)
      const eqHigh = backend.expand(eqWeights(point.slice(round + 1, Math.max(round + 1, layer - lowBits))).flat(), K_ONE)
      const h = backend.fractionRound(p0, p1, q0, q1, lambda, eqHigh, eqLow)
      // P -> V: h(0), h(2).
      channel.send(tag, h[0] ?? K_ZERO)
      channel.send(tag, h[2] ?? K_ZERO)
      // V -> P.
      const r = channel.challenge(tag)
      challenges.push(r)
      ;[p0, p1, q0, q1] = [backend.fold(p0, r), backend.fold(p1, r), backend.fold(q0, r), backend.fold(q1, r)]
    }
    const value = (v: FVec | KVec): K => ('c0' in v ? kAt(v, 0) : kFrom(v[0] ?? 0n))
    // P -> V: the two halves of the next layer at the point.
    for (const v of [p0, p1, q0, q1]) channel.send(tag, value(v))
    for (let i = 0; i < 3; i++) channel.product()
    // V -> P: one point for both halves.
    const t = channel.challenge(tag)
    point = [t, ...challenges]
    levels[layer + 1] = { p: new BigUint64Array(0), q: { c0: new BigUint64Array(0), c1: new BigUint64Array(0) } }
    onLayer?.(layer + 1)
  }
}

