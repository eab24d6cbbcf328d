/** Prover of tlookup. Mirrors verify.ts. */
import type { Backend, Fractions, FVec, KVec, Source } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ONE, K_ZERO, kFrom, kInv, kIsZero, kNeg, kScale, kSub, toF } from '../field/goldilocks.ts'
import { eqWeights } from '../poly/multilinear.ts'
import type { Layout } from '../program/layout.ts'
import type { CommitmentName, Program } from '../program/program.ts'
import { kAt, kVec } from '../sumcheck/tables.ts'
import type { ProverChannel } from '../zk/channel.ts'
import { silent, type Tick } from '../proof/tick.ts'
import type { LookupPlan } from './plan.ts'
import { drawFingerprint, type FingerprintChallenges, tableTag } from './verify.ts'

const slice = (v: KVec, from: number, to: number): KVec => ({ c0: v.c0.subarray(from, to), c1: v.c1.subarray(from, to) })

/** Where the stacks of the commitments lie. */
export type Stacks = (name: CommitmentName) => { readonly layout: Layout; readonly data: Source }

/** Leaf numerators over F and denominators over K, read off the stacks; as many as are in use. */
const leaves = (
  program: Program,
  plan: LookupPlan,
  stacks: Stacks,
  { columns, beta }: FingerprintChallenges,
  backend: Backend,
): { p: FVec; q: KVec } => {
  const p = backend.zeros(plan.used)
  const q: KVec = { c0: backend.zeros(plan.used), c1: backend.zeros(plan.used) }
  let end = 0
  for (const range of [...plan.ranges].sort((a, b) => a.offset - b.offset)) {
    // Gaps between the ranges.
    q.c0.fill(1n, end, range.offset)
    end = range.offset + 2 ** range.bits
    const from = range.offset
    const to = from + 2 ** range.bits
    const part = slice(q, from, to)
    const table = range.kind === 'table' ? range.table : range.lookup.table
    let known = kSub(beta, tableTag(table))
    if (range.kind === 'lookup') {
      p.fill(1n, from, to)
      const byStack = new Map<CommitmentName, { index: number[]; coefs: K[] }>()
      range.lookup.columns.forEach((column, k) => {
        const weight = columns[k + 1] ?? K_ZERO
        known = kSub(known, kScale(weight, toF(column.offset)))
        for (const { coef, tensor } of column.entries) {
          const block = stacks(tensor.commitment).layout.blocks[tensor.id]?.[range.block]
          if (!block || block.bits !== range.bits) throw new InternalError(`${range.lookup.name}: ${tensor.name} has another shape`)
          const own = byStack.get(tensor.commitment) ?? { index: [], coefs: [] }
          byStack.set(tensor.commitment, own)
          own.index.push(block.offset / 2 ** block.bits)
          own.coefs.push(kScale(weight, toF(-coef)))
        }
      })
      let first = true
      for (const [name, { index, coefs }] of byStack) {
        const { data } = stacks(name)
        if (first) backend.affine(part, known, data, Uint32Array.from(index), kVec(coefs))
        else {
          index.forEach((at, k) => {
            const own = data.subarray(at * 2 ** range.bits, (at + 1) * 2 ** range.bits) as Source
            backend.axpy(part, coefs[k] ?? K_ZERO, own)
          })
        }
        first = false
      }
    } else {
      const { layout, data: stack } = stacks('witness')
      if (!(stack instanceof BigUint64Array)) throw new InternalError('the witness stack is not over F')
      const block = layout.blocks[program.multiplicities[table]?.id ?? -1]?.[0]
      if (!block) throw new InternalError(`table ${table} has no multiplicities`)
      // Most counts are zero; their words tell without a bigint each.
      const counts = new Uint32Array(stack.buffer, stack.byteOffset + 8 * block.offset, 2 ** (range.bits + 1))
      for (let i = 0; i < 2 ** range.bits; i++) {
        if (counts[2 * i] !== 0 || counts[2 * i + 1] !== 0) p[from + i] = toF(-(stack[block.offset + i] ?? 0n))
      }
      const rows = program.tables[table]?.columns
      const ints = rows === 'range' || !rows ? [Int32Array.from({ length: to - from }, (_, i) => i)] : rows
      ints.forEach((column, k) => {
        const weight = kNeg(columns[k + 1] ?? K_ZERO)
        if (k === 0) backend.affine(part, known, column, Uint32Array.of(0), kVec([weight]))
        else backend.axpy(part, weight, column)
      })
    }
  }
  return { p, q }
}

/** The children of a layer's `half` nodes: a level of the tree cut in two. */
const children = ({ p, q }: { p: FVec | KVec; q: KVec }, half: number): Fractions => {
  const cut = (from: number): readonly [FVec | KVec, KVec] => {
    const [start, end] = [from, from + half].map(i => Math.min(i, q.c0.length)) as [number, number]
    return ['c0' in p ? slice(p, start, end) : p.subarray(start, end), slice(q, start, end)]
  }
  const [[p0, q0], [p1, q1]] = [cut(0), cut(half)]
  return { size: half, p0, p1, q0, q1 }
}

/** The only entry of a folded table, or what it stands for when truncated. */
const value = (v: FVec | KVec, rest: K): K => {
  if ('c0' in v) return v.c0.length > 0 ? kAt(v, 0) : rest
  return v.length > 0 ? kFrom(v[0] ?? 0n) : rest
}

/** Share of the work that goes into building the tree; a layer costs twice the one before. */
const BUILT = 0.3

export const proveLookups = async (
  channel: ProverChannel,
  program: Program,
  plan: LookupPlan,
  stacks: Stacks,
  backend: Backend,
  tick: Tick = silent,
): Promise<void> => {
  // V -> P: fingerprint and denominator challenges.
  const fingerprint = drawFingerprint(plan, (tag, count) => channel.challenges(tag, count))
  await tick(0)
  let level: { p: FVec | KVec; q: KVec } = leaves(program, plan, stacks, fingerprint, backend)
  // Level k has 2^k nodes; the last is taken first.
  const levels = [level]
  await tick(BUILT / 2)
  for (let k = plan.depth; k > 0; k--) {
    level = backend.fractionUp(level.p, level.q, 2 ** (k - 1))
    levels.push(level)
  }
  levels.pop()
  const root = value(level.q, K_ONE)
  if (!kIsZero(value(level.p, K_ZERO))) {
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
    let tables = children(levels.pop() ?? level, 2 ** layer)
    const challenges: K[] = []
    const lowBits = layer >> 1
    const eqLowAll = backend.expand(eqWeights(point.slice(layer - lowBits)).flat(), K_ONE)
    let bound: K | undefined
    for (let round = 0; round < layer; round++) {
      const rest = layer - round - 1
      const eqLow = rest >= lowBits ? eqLowAll : backend.expand(eqWeights(point.slice(layer - rest)).flat(), K_ONE)
      const eqHigh = backend.expand(eqWeights(point.slice(round + 1, Math.max(round + 1, layer - lowBits))).flat(), K_ONE)
      const by = { lambda, eqHigh, eqLow }
      let h: K[]
      if (bound) ({ tables, h } = backend.fractionFold(tables, bound, by))
      else h = backend.fractionRound(tables, by)
      // P -> V: h(0), h(2).
      channel.send(tag, h[0] ?? K_ZERO)
      channel.send(tag, h[2] ?? K_ZERO)
      // V -> P.
      bound = channel.challenge(tag)
      challenges.push(bound)
    }
    if (bound) ({ tables } = backend.fractionFold(tables, bound))
    // P -> V: the two halves of the next layer at the point.
    for (const v of [tables.p0, tables.p1]) channel.send(tag, value(v, K_ZERO))
    for (const v of [tables.q0, tables.q1]) channel.send(tag, value(v, K_ONE))
    for (let i = 0; i < 3; i++) channel.product()
    // V -> P: one point for both halves.
    const t = channel.challenge(tag)
    point = [t, ...challenges]
    await tick(BUILT + (1 - BUILT) * 2 ** (layer + 1 - plan.depth))
  }
}
