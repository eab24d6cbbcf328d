/** Prover of the batched sumcheck over all relations. Mirrors verify.ts line by line. */
import type { Backend, Table } from '../backend/backend.ts'
import { type K, K_ZERO, kAdd, kFrom, kInv, kMul, kPowers, kScale } from '../field/goldilocks.ts'
import { lagrangeAt } from '../poly/multilinear.ts'
import type { Points } from '../program/form.ts'
import type { Factor, Relation } from '../program/program.ts'
import { silent, type Tick } from '../proof/tick.ts'
import type { ProverChannel } from '../zk/channel.ts'
import { factorAxes, type Plan } from './plan.ts'
import { kAt, tableLength, termTables, type Values } from './tables.ts'
import { drawPoints, evaluationKey, idleScale, outPoints, termScale, variablePoints } from './verify.ts'

/** Extends values at 0..m to 0..degree. */
const extrapolate = (values: readonly K[], degree: number): K[] => {
  const out = [...values]
  for (let t = values.length; t <= degree; t++) {
    const weights = lagrangeAt(values.length - 1, kFrom(BigInt(t)))
    out.push(weights.reduce((s, w, i) => kAdd(s, kMul(w, values[i] ?? K_ZERO)), K_ZERO))
  }
  return out
}

const single = (table: Table): K => {
  if ('c0' in table) return kAt(table, 0)
  return kFrom(BigInt(table[0] ?? 0))
}

export const proveRelations = async (
  channel: ProverChannel,
  plan: Plan,
  values: Values,
  backend: Backend,
  tick: Tick = silent,
): Promise<void> => {
  // V -> P: a random point for every axis, and the batching challenge.
  const points = drawPoints(plan.relations, (tag, count) => channel.challenges(tag, count))
  const weights = kPowers(channel.challenge('relations/batch'), plan.relations.length)
  const u = new Map<Relation, Points>(plan.relations.map(r => [r, outPoints(r, points)]))
  const states = plan.terms.map(term => {
    const at = u.get(term.relation) ?? {}
    const tables = termTables(backend, term, at, values)
    const weight = kMul(weights[plan.relations.indexOf(term.relation)] ?? K_ZERO, termScale(term, at))
    return { term, at, weight, tables, sum: backend.productSum(tables) }
  })
  // Rounds.
  const half = kInv(kFrom(2n))
  const challenges: K[] = []
  for (let round = 0; round < plan.rounds; round++) {
    const tag = `relations/round ${round}`
    const total = Array.from({ length: plan.degree + 1 }, () => K_ZERO)
    for (const state of states) {
      const idle = plan.rounds - state.term.rounds
      let contribution: K[]
      let scale = state.weight
      if (round < idle) {
        state.sum = kScale(state.sum, half[0])
        contribution = total.map(() => state.sum)
      } else {
        scale = kMul(scale, idleScale(idle))
        contribution = extrapolate(backend.productRound(state.tables), plan.degree)
      }
      contribution.forEach((v, t) => {
        total[t] = kAdd(total[t] ?? K_ZERO, kMul(scale, v))
      })
    }
    // P -> V: the round polynomial at 0, 2, .., degree.
    channel.send(tag, total[0] ?? K_ZERO)
    for (const value of total.slice(2)) channel.send(tag, value)
    // V -> P.
    const r = channel.challenge(tag)
    challenges.push(r)
    for (const state of states) {
      if (round >= plan.rounds - state.term.rounds) state.tables = state.tables.map(t => backend.fold(t, r))
    }
    // Tables halve each round, but the largest join late.
    await tick((round + 1) / plan.rounds)
  }
  // P -> V: the evaluation of every tensor factor, once each.
  const sent = new Set<string>()
  for (const { term, at, tables } of states) {
    const end = variablePoints(term, challenges)
    const hidden: K[] = []
    term.product.factors.forEach((factor: Factor, i) => {
      if (factor.kind === 'public') return
      const where = Object.fromEntries([...factorAxes(factor)].map(axis => [axis, end[axis] ?? at[axis] ?? []]))
      const key = evaluationKey(factor, where)
      const table = tables[i]
      if (!table || tableLength(table) !== 1) throw new RangeError('a factor was not folded to one value')
      const value = single(table)
      hidden.push(value)
      if (sent.has(key)) return
      sent.add(key)
      channel.send('relations/evaluation', value)
    })
    const [a, b, c] = hidden
    if (a && b) channel.product()
    if (a && b && c) {
      channel.send('relations/partial product', kMul(a, b))
      channel.product()
    }
  }
}
