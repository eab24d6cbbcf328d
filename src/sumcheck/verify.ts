/** Verifier of the batched sumcheck over all relations. Mirrors prove.ts line by line. */
import {
  type K,
  K_ONE,
  K_ZERO,
  kAdd,
  kFrom,
  kInv,
  kMul,
  kNeg,
  kPowers,
  kScale,
  toF,
} from '../field/goldilocks.ts'
import { eq, eqWeights, expandWeights, lagrangeAt, log2Ceil } from '../poly/multilinear.ts'
import { broadcastAt, entryForm, type Form, pinnedAt, type Points, type Sizes } from '../program/form.ts'
import type { Factor, Relation } from '../program/program.ts'
import type { Hidden, VerifierChannel } from '../zk/channel.ts'
import { constant, type Expression, linear, scale, subtract, ZERO } from '../zk/expression.ts'
import { axisKey, factorAxes, mixKey, type Plan, type SumTerm } from './plan.ts'

/** Random points of all `out` axes, drawn once per axis name and size. */
export const drawPoints = (
  relations: readonly Relation[],
  challenges: (tag: string, count: number) => K[],
): Map<string, K[]> => {
  const points = new Map<string, K[]>()
  for (const relation of relations) {
    for (const axis of relation.out) {
      const size = relation.sizes[axis] ?? 1
      const key = axisKey(axis, size)
      if (!points.has(key)) points.set(key, challenges(`relations/point/${key}`, log2Ceil(size)))
    }
  }
  return points
}

export const outPoints = (relation: Relation, points: ReadonlyMap<string, K[]>): Points =>
  Object.fromEntries(relation.out.map(axis => [axis, points.get(axisKey(axis, relation.sizes[axis] ?? 1)) ?? []]))

/** The value at u of everything in a relation but its products: a committed form and a public constant. */
export const linearPart = (relation: Relation, u: Points): { form: Form; known: K } => {
  const form = relation.linear.map(entry => entryForm(entry, u, relation.out, relation.sizes))
  let known = K_ZERO
  for (const { value, pins } of relation.constants) {
    const at = kMul(pinnedAt(pins, u), broadcastAt(relation.out, new Set(Object.keys(pins)), relation.sizes, u))
    known = kAdd(known, kScale(at, toF(value)))
  }
  for (const { coef, tensor, axes, pins } of relation.publics) {
    const used = new Set([...axes, ...Object.keys(pins)])
    const at = kMul(pinnedAt(pins, u), broadcastAt(relation.out, used, relation.sizes, u))
    const value = tensor.evaluate(axes.map(axis => u[axis] ?? []))
    known = kAdd(known, kScale(kMul(at, value), toF(coef)))
  }
  return { form, known }
}

/** 2^-k: the share of a term whose k leading rounds bind no variable of its own. */
export const idleScale = (idle: number): K => kInv(kFrom(2n ** BigInt(idle)))

/** The point of each variable axis, from the shared challenges (the term's variables come last). */
export const variablePoints = (term: SumTerm, challenges: readonly K[]): Points => {
  let at = challenges.length - term.rounds
  const out: Record<string, K[]> = {}
  for (const { axis, bits } of term.variables) {
    out[axis] = challenges.slice(at, at + bits)
    at += bits
  }
  return out
}

/** coef * the absent axes' range indicators: the public weight of a term. */
export const termScale = (term: SumTerm, u: Points): K =>
  kScale(broadcastAt(term.absent, new Set(), term.relation.sizes, u), toF(term.product.coef))

/** Where a factor is evaluated at the end: variables at the sumcheck's point, bound axes at u. */
const factorPoints = (factor: Factor, u: Points, end: Points): Points =>
  Object.fromEntries([...factorAxes(factor)].map(axis => [axis, end[axis] ?? u[axis] ?? []]))

/** Identifies equal evaluations, so that each is sent once. */
export const evaluationKey = (factor: Factor, points: Points): string => {
  if (factor.kind === 'public') return ''
  const at = Object.entries(points).map(([axis, p]) => `${axis}=${p.map(k => k.join('.')).join('_')}`)
  const what = factor.entries.map(
    e =>
      `${e.coef}*${e.tensor.commitment}${e.tensor.id}[${e.axes.map(a => (typeof a === 'string' ? a : a.at)).join()}]` +
      Object.entries(e.pins).join(),
  )
  return `${what.join('+')}${mixKey(factor)}@${at.join('&')}`
}

/** The functional that evaluates a tensor factor at a point of its axes. */
const factorForm = (factor: Extract<Factor, { kind: 'tensor' }>, where: Points, sizes: Sizes): Form => {
  const { entries, mix } = factor
  if (!mix) return entries.map(e => entryForm(e, where, [], sizes))
  // F(u, s) = sum_t eq(u, t) matrix(t, s) X(t): one term a step.
  const [rows, columns] = mix.matrix.shape as [number, number]
  const coefs = mix.matrix.values()
  const from = expandWeights(eqWeights(where[mix.from] ?? []))
  const to = expandWeights(eqWeights(where[mix.to] ?? []))
  return Array.from({ length: rows }, (_, t) => {
    let at = K_ZERO
    for (let s = 0; s < columns; s++) at = kAdd(at, kScale(to[s] ?? K_ZERO, toF(BigInt(coefs[t * columns + s] ?? 0))))
    const weight = kMul(from[t] ?? K_ZERO, at)
    return entries.map(e => {
      const axes = e.axes.map(a => (a === mix.from ? { at: t } : a))
      const term = entryForm({ ...e, axes }, where, [], sizes)
      return { ...term, coef: kMul(term.coef, weight) }
    })
  }).flat()
}

export const verifyRelations = (channel: VerifierChannel, plan: Plan): void => {
  // V -> P: a random point for every axis, and the batching challenge.
  const points = drawPoints(plan.relations, (tag, count) => channel.challenges(tag, count))
  const weights = kPowers(channel.challenge('relations/batch'), plan.relations.length)
  let claim: Expression = ZERO
  const u = new Map<Relation, Points>()
  plan.relations.forEach((relation, i) => {
    const at = outPoints(relation, points)
    u.set(relation, at)
    const { form, known } = channel.counting ? { form: [], known: K_ZERO } : linearPart(relation, at)
    const value = linear([K_ONE, channel.form(form)], [known, constant(K_ONE)])
    if (relation.products.length === 0) channel.assertZero(`relations/${relation.name}`, value)
    else claim = subtract(claim, scale(weights[i] ?? K_ZERO, value))
  })
  // Rounds.
  const challenges: K[] = []
  for (let round = 0; round < plan.rounds; round++) {
    const tag = `relations/round ${round}`
    // P -> V: the round polynomial at 0, 2, .., degree; its value at 1 follows from the claim.
    const sent = Array.from({ length: plan.degree }, () => channel.receive(tag).expression)
    const at0 = sent[0] ?? ZERO
    const values = [at0, subtract(claim, at0), ...sent.slice(1)]
    // V -> P.
    const r = channel.challenge(tag)
    challenges.push(r)
    claim = linear(...lagrangeAt(plan.degree, r).map((l, i) => [l, values[i] ?? ZERO] as const))
  }
  // P -> V: the evaluation of every tensor factor, once each; then the claim must equal the products.
  const sent = new Map<string, Hidden>()
  const total: (readonly [K, Expression])[] = []
  for (const term of plan.terms) {
    const at = u.get(term.relation) ?? {}
    const end = variablePoints(term, challenges)
    const weight = weights[plan.relations.indexOf(term.relation)] ?? K_ZERO
    let coef = kMul(kMul(weight, termScale(term, at)), idleScale(plan.rounds - term.rounds))
    if (term.shared.length > 0) {
      coef = kMul(coef, eq(term.shared.flatMap(a => at[a] ?? []), term.shared.flatMap(a => end[a] ?? [])))
    }
    const hidden: Hidden[] = []
    for (const factor of term.product.factors) {
      const where = factorPoints(factor, at, end)
      if (factor.kind === 'public') {
        if (!channel.counting) coef = kMul(coef, factor.tensor.evaluate(factor.axes.map(axis => where[axis] ?? [])))
        continue
      }
      const key = evaluationKey(factor, where)
      const known = sent.get(key)
      if (known) {
        hidden.push(known)
        continue
      }
      const value = channel.receive('relations/evaluation')
      sent.set(key, value)
      hidden.push(value)
      const form = channel.counting ? [] : factorForm(factor, where, term.relation.sizes)
      channel.assertZero(`relations/${term.relation.name}/evaluation`, subtract(value.expression, channel.form(form)))
    }
    total.push([coef, multiply(channel, hidden, term)])
  }
  channel.assertZero('relations/final', linear([K_ONE, claim], ...total.map(([c, e]) => [kNeg(c), e] as const)))
}

/** The product of one to three hidden values. */
const multiply = (channel: VerifierChannel, hidden: readonly Hidden[], term: SumTerm): Expression => {
  const [a, b, c] = hidden
  if (!a) return constant(K_ONE)
  if (!b) return a.expression
  const ab = channel.product(a, b)
  if (!c) return ab
  // P -> V: the partial product, so that it can be multiplied again.
  const partial = channel.receive('relations/partial product')
  channel.assertZero(`relations/${term.relation.name}/product`, subtract(partial.expression, ab))
  return channel.product(partial, c)
}
