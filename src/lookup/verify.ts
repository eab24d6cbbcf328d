/**
 * Verifier of tlookup: sum over lookups of 1/(beta - fingerprint) equals the sum over table rows of
 * multiplicity/(beta - fingerprint) (logarithmic derivatives), the sum proven by a tree of fractions with one
 * sumcheck per layer (Papini and Haboeck, eprint 2023/1284). Mirrors prove.ts.
 */
import { type K, K_ONE, K_ZERO, kAdd, kFrom, kInv, kMul, kNeg, kScale, kSub, toF } from '../field/goldilocks.ts'
import { type BitWeights, eqWeights, evaluateInts, expandWeights, indexWeights, lagrangeAt, weightsAt } from '../poly/multilinear.ts'
import type { Term } from '../program/form.ts'
import type { Program, Table } from '../program/program.ts'
import type { VerifierChannel } from '../zk/channel.ts'
import { constant, type Expression, linear, subtract, ZERO } from '../zk/expression.ts'
import type { LookupPlan } from './plan.ts'

export interface FingerprintChallenges {
  /** Weight of the table id (always 1), then of each column. */
  readonly columns: readonly K[]
  readonly beta: K
}

export const drawFingerprint = (plan: LookupPlan, challenges: (tag: string, count: number) => K[]): FingerprintChallenges => {
  const alphas = challenges('lookup/fingerprint', plan.fingerprintBits)
  const [beta] = challenges('lookup/denominator', 1)
  // Most significant bit first; column 0 gets the empty product.
  const columns = expandWeights([...alphas].reverse().map(a => [K_ONE, a] as BitWeights))
  return { columns, beta: beta ?? K_ZERO }
}

/** Table ids start at 1, so that the fingerprint of no row is identically zero. */
export const tableTag = (table: number): K => kFrom(BigInt(table + 1))

/** Extensions of a table's columns at a point. */
const tableColumns = (table: Table, point: readonly K[]): K[] => {
  if (table.columns === 'range') {
    return [point.reduce((s, z) => kAdd(kScale(s, 2n), z), K_ZERO)]
  }
  return table.columns.map(column => evaluateInts(column, point))
}

/** The numerator and denominator of the leaf layer at a point, as expressions. */
export const leafExpressions = (
  channel: VerifierChannel,
  program: Program,
  plan: LookupPlan,
  { columns, beta }: FingerprintChallenges,
  point: readonly K[],
): { p: Expression; q: Expression } => {
  let numerator = K_ZERO
  let denominator = K_ONE
  const pTerms: Term[] = []
  const qTerms: Term[] = []
  for (const range of plan.ranges) {
    const highBits = plan.depth - range.bits
    const low = point.slice(highBits)
    const prefix = weightsAt(indexWeights(range.offset / 2 ** range.bits, highBits), point.slice(0, highBits))
    const table = range.kind === 'table' ? range.table : range.lookup.table
    // A leaf in use holds beta - fingerprint instead of 1.
    let known = kSub(kSub(beta, tableTag(table)), K_ONE)
    if (range.kind === 'lookup') {
      numerator = kAdd(numerator, prefix)
      const axes: (readonly BitWeights[])[] = []
      let at = 0
      for (const piece of range.pieces) {
        axes.push(eqWeights(low.slice(at, at + piece.bits)))
        at += piece.bits
      }
      range.lookup.columns.forEach((column, k) => {
        const weight = columns[k + 1] ?? K_ZERO
        known = kSub(known, kScale(weight, toF(column.offset)))
        for (const { coef, tensor } of column.entries) {
          qTerms.push({ coef: kMul(prefix, kScale(weight, toF(-coef))), tensor, axes, block: range.block })
        }
      })
    } else {
      tableColumns(program.tables[table] as Table, low).forEach((value, k) => {
        known = kSub(known, kMul(columns[k + 1] ?? K_ZERO, value))
      })
      const multiplicity = program.multiplicities[table]
      if (multiplicity) pTerms.push({ coef: kNeg(prefix), tensor: multiplicity, axes: [eqWeights(low)], block: 0 })
    }
    denominator = kAdd(denominator, kMul(prefix, known))
  }
  return {
    p: linear([numerator, constant(K_ONE)], [K_ONE, channel.form(pTerms)]),
    q: linear([denominator, constant(K_ONE)], [K_ONE, channel.form(qTerms)]),
  }
}

export const verifyLookups = (channel: VerifierChannel, program: Program, plan: LookupPlan): void => {
  // V -> P: fingerprint and denominator challenges.
  const fingerprint = drawFingerprint(plan, (tag, count) => channel.challenges(tag, count))
  // P -> V: the root's denominator and its inverse: the fractions sum to 0/q with q != 0.
  const root = channel.receive('lookup/root')
  const inverse = channel.receive('lookup/root inverse')
  channel.assertZero('lookup/root', subtract(channel.product(root, inverse), constant(K_ONE)))
  let p: Expression = ZERO
  let q: Expression = root.expression
  let point: K[] = []
  for (let layer = 0; layer < plan.depth; layer++) {
    const tag = `lookup/layer ${layer}`
    // V -> P: lambda combines numerator and denominator.
    const lambda = channel.challenge(tag)
    let claim = linear([K_ONE, p], [lambda, q])
    const challenges: K[] = []
    for (let round = 0; round < layer; round++) {
      // P -> V: h(0), h(2), where the round polynomial is eq(z, t) h(t); h(1) follows from the claim.
      const h0 = channel.receive(tag).expression
      const h2 = channel.receive(tag).expression
      const z = point[round] ?? K_ZERO
      const zInverse = kInv(z)
      const h1 = linear([zInverse, claim], [kNeg(kMul(zInverse, kSub(K_ONE, z))), h0])
      // V -> P; never zero, since it becomes a coordinate that the next layer divides by.
      const r = channel.nonZeroChallenge(tag)
      challenges.push(r)
      const [l0, l1, l2] = lagrangeAt(2, r) as [K, K, K]
      claim = linear([l0, h0], [l1, h1], [l2, h2])
    }
    // P -> V: the two halves of the next layer at the point.
    const p0 = channel.receive(tag)
    const p1 = channel.receive(tag)
    const q0 = channel.receive(tag)
    const q1 = channel.receive(tag)
    channel.assertZero(
      tag,
      linear(
        [K_ONE, claim],
        [kNeg(K_ONE), channel.product(p0, q1)],
        [kNeg(K_ONE), channel.product(p1, q0)],
        [kNeg(lambda), channel.product(q0, q1)],
      ),
    )
    // V -> P: one point for both halves; never zero, since the next layer divides by it.
    const t = channel.nonZeroChallenge(tag)
    p = linear([kSub(K_ONE, t), p0.expression], [t, p1.expression])
    q = linear([kSub(K_ONE, t), q0.expression], [t, q1.expression])
    point = [t, ...challenges]
  }
  const leaves = channel.counting ? { p: ZERO, q: ZERO } : leafExpressions(channel, program, plan, fingerprint, point)
  channel.assertZero('lookup/leaf numerators', subtract(p, leaves.p))
  channel.assertZero('lookup/leaf denominators', subtract(q, leaves.q))
}
