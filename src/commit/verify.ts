/** Verifier of the masked opening of one linear claim (spec/commitment.md, spec/zero-knowledge.md). Mirrors prove.ts. */
import { InternalError } from '../errors.ts'
import { type K, K_ONE, K_ZERO, kAdd, kEq, kMul, kPowers, kSub, toF } from '../field/goldilocks.ts'
import { type BitWeights, eqWeights, indexWeights, lagrangeAt, powerWeights, weightsAt } from '../poly/multilinear.ts'
import type { CommitmentName } from '../program/program.ts'
import type { ProofReader } from '../proof/stream.ts'
import { Rejection } from '../proof/rejection.ts'
import { powHolds, type Transcript } from '../transcript/transcript.ts'
import { applyForm, bindForm, hornerAt, pairRows, type VectorForm } from './chain.ts'
import { claimAt, type Layouts, type OpeningClaim } from './claim.ts'
import { leafPoint } from './domain.ts'
import { type Geometry, MASK_ROWS } from './geometry.ts'
import { maskFunctional } from './mask.ts'
import { DIGEST_BYTES, uniqueSorted, verifyColumns } from './merkle.ts'

export interface Side {
  readonly transcript: Transcript
  readonly reader: ProofReader
}

const readK = ({ transcript, reader }: Side, tag: string): K => {
  const value = reader.k(tag)
  transcript.absorbK(tag, value)
  return value
}

/** A proof of work before the next challenge. */
export const checkPow = ({ transcript, reader }: Side, tag: string, bits: number): void => {
  if (bits === 0) return
  const nonce = reader.u64(tag)
  if (!powHolds(transcript.powSeed(tag), nonce, bits)) throw new Rejection(tag, `the proof of work has fewer than ${bits} bits`)
  transcript.absorbPow(tag, nonce)
}

/** One round of a degree-2 sumcheck sent in the clear: g(0), g(2). */
const round = (side: Side, tag: string, claim: K, powBits: number): { r: K; claim: K } => {
  const g0 = readK(side, tag)
  const g2 = readK(side, tag)
  checkPow(side, `${tag}/pow`, powBits)
  const r = side.transcript.challenge(tag)
  const [l0, l1, l2] = lagrangeAt(2, r) as [K, K, K]
  return { r, claim: kAdd(kAdd(kMul(l0, g0), kMul(l1, kSub(claim, g0))), kMul(l2, g2)) }
}

interface Oracle {
  readonly at: string
  readonly logRow: number
  readonly logDomain: number
  readonly queries: number
  readonly queryPowBits: number
  /** Reads and checks the columns at distinct sorted leaves; returns the combined row's value at each. */
  open(leaves: readonly number[]): K[]
}

/** Random columns of an oracle, and the value of its combined row at each. */
const query = (side: Side, oracle: Oracle): { points: bigint[]; values: K[] } => {
  checkPow(side, `${oracle.at}/pow`, oracle.queryPowBits)
  const leaves = uniqueSorted(side.transcript.indices(`${oracle.at}/queries`, oracle.queries, oracle.logDomain))
  const values = oracle.open(leaves)
  return { points: leaves.map(leaf => leafPoint(leaf, oracle.logRow, oracle.logDomain)), values }
}

const readColumns = (side: Side, at: string, root: Uint8Array, logDomain: number, rows: number, leaves: readonly number[]): bigint[][] => {
  const columns = leaves.map(() => Array.from({ length: rows }, () => side.reader.f(`${at}/column`)))
  verifyColumns(at, root, logDomain, leaves, columns, () => side.reader.bytes(`${at}/path`, DIGEST_BYTES))
  for (const column of columns) side.transcript.absorbK(`${at}/column`, ...column.map(v => [v, 0n] as const))
  return columns
}

/** Opens linear claims <form_i, z> = value_i on the combined row z of `first`. */
const verifyChain = (side: Side, g: Geometry, first: Oracle, claims: readonly { form: VectorForm; value: K }[]): void => {
  let oracle = first
  let bits = g.shape.logRow + 1
  let forms: VectorForm[] = []
  let total = K_ZERO
  let pending = [...claims]
  g.rounds.forEach((r, index) => {
    const at = `opening/chain ${index}`
    // P -> V: the vector's commitment, and its value at a random point outside the domain.
    const root = side.reader.bytes(`${at}/root`, DIGEST_BYTES)
    side.transcript.absorbBytes(`${at}/root`, root)
    const outside = side.transcript.challenges(`${at}/outside`, bits)
    const outsideValue = readK(side, `${at}/outside`)
    pending.push({ form: { kind: 'tensor', coef: K_ONE, weights: eqWeights(outside) }, value: outsideValue })
    // V -> P: columns of the previous oracle; each is a claim on this vector.
    const { points, values } = query(side, oracle)
    points.forEach((x, i) => {
      pending.push({ form: { kind: 'tensor', coef: K_ONE, weights: powerWeights([x, 0n], bits) }, value: values[i] ?? K_ZERO })
    })
    const gammas = kPowers(side.transcript.challenge(`${at}/batch`), pending.length)
    pending.forEach(({ form, value }, i) => {
      const gamma = gammas[i] ?? K_ZERO
      forms.push({ ...form, coef: kMul(form.coef, gamma) })
      total = kAdd(total, kMul(gamma, value))
    })
    pending = []
    // Fold the rows.
    const rowPoint: K[] = []
    for (; bits > r.logRow; bits--) {
      const step = round(side, `${at}/round`, total, r.code.foldPowBits)
      total = step.claim
      rowPoint.push(step.r)
      forms = forms.map(form => bindForm(form, bits, step.r))
    }
    const weights = Array.from({ length: r.rows }, (_, i) =>
      weightsAt(indexWeights(i, rowPoint.length), rowPoint),
    )
    oracle = {
      at: `${at}/oracle`,
      logRow: r.logRow,
      logDomain: r.logDomain,
      queries: r.code.queries,
      queryPowBits: r.code.queryPowBits,
      open: leaves =>
        readColumns(side, `${at}/oracle`, root, r.logDomain, 2 * r.rows, leaves).map(column =>
          pairRows(column).reduce((s, v, i) => kAdd(s, kMul(weights[i] ?? K_ZERO, v)), K_ZERO),
        ),
    }
  })
  // P -> V: the last vector, in the clear.
  const last = Array.from({ length: 2 ** bits }, () => readK(side, 'opening/final'))
  const { points, values } = query(side, oracle)
  points.forEach((x, i) => {
    if (!kEq(hornerAt(last, x), values[i] ?? K_ZERO)) {
      throw new Rejection('opening/final', 'the last vector disagrees with its oracle')
    }
  })
  for (const { form, value } of pending) {
    if (!kEq(applyForm(form, last), value)) throw new Rejection('opening/final', 'a claim on the last vector is false')
  }
  const got = forms.reduce((s, form) => kAdd(s, applyForm(form, last)), K_ZERO)
  if (!kEq(got, total)) throw new Rejection('opening/final', 'the folded claims are false')
}

/** Verifies <claim.form, stacks> = claim.value against the two roots. */
export const verifyOpening = (
  side: Side,
  g: Geometry,
  roots: Partial<Readonly<Record<CommitmentName, Uint8Array>>>,
  layouts: Layouts,
  claim: OpeningClaim,
): void => {
  const { transcript } = side
  const { logRow, logDomain } = g.shape
  // P -> V: the mask's sum; V -> P: rho.
  const maskTotal = readK(side, 'opening/mask sum')
  const rho = transcript.challenge('opening/rho')
  let total = kAdd(claim.value, kMul(rho, maskTotal))
  const challenges: K[] = []
  for (let k = 0; k < g.variables; k++) {
    // A challenge that binds a row variable folds the code.
    const folds = k >= laneBits(g) && k < laneBits(g) + g.rowBits
    const step = round(side, 'opening/round', total, folds ? g.code.foldPowBits : 0)
    challenges.push(step.r)
    total = step.claim
  }
  const { point, row, column } = splitPoint(g, challenges)
  // P -> V: f(p), s(p), <t, a>, <u, b>.
  const f = readK(side, 'opening/f')
  const s = readK(side, 'opening/s')
  const ta = readK(side, 'opening/t.a')
  const ub = readK(side, 'opening/u.b')
  if (!kEq(total, kAdd(kMul(f, claimAt(claim, layouts, g, point)), kMul(rho, s)))) {
    throw new Rejection('opening/claim', 'the linear claim on the commitments is false')
  }
  // V -> P: beta; z = u + beta t.
  checkPow(side, 'opening/beta/pow', g.code.foldPowBits)
  const beta = transcript.challenge('opening/beta')
  const rowWeight = (i: number): K => weightsAt(indexWeights(i, row.length), row)
  // The mask row is the third last of the witness: z = u + beta t.
  const partWeights = g.parts.map(({ name, base, rows }) =>
    Array.from({ length: rows }, (_, i) => {
      const w = rowWeight(base + i)
      return name === 'witness' && i === rows - MASK_ROWS ? kAdd(w, beta) : w
    }),
  )
  const first: Oracle = {
    at: 'opening/columns',
    logRow,
    logDomain,
    queries: g.code.queries,
    queryPowBits: g.code.queryPowBits,
    open: leaves => {
      let values = leaves.map(() => K_ZERO)
      g.parts.forEach(({ name, rows }, k) => {
        const root = roots[name]
        if (!root) throw new InternalError(`no root of the ${name} commitment`)
        const columns = readColumns(side, `opening/${name}`, root, logDomain, rows, leaves)
        values = values.map((v, i) => kAdd(v, dotF(partWeights[k] ?? [], columns[i] ?? [])))
      })
      return values
    },
  }
  const data: BitWeights = [K_ONE, K_ZERO]
  verifyChain(side, g, first, [
    { form: { kind: 'tensor', coef: K_ONE, weights: [data, ...eqWeights(column)] }, value: kAdd(f, kMul(beta, ta)) },
    { form: { kind: 'dense', coef: K_ONE, values: maskFunctional(challenges) }, value: kAdd(ub, kMul(beta, s)) },
  ])
}

/** Low bits are bound first: lane, then the rest from the top (see laneBits). */
export const splitPoint = (g: Geometry, challenges: readonly K[]): { point: K[]; row: K[]; column: K[] } => {
  const lane = laneBits(g)
  const point = [...challenges.slice(lane), ...challenges.slice(0, lane)]
  return { point, row: point.slice(0, g.rowBits), column: point.slice(g.rowBits) }
}

/**
 * Entries are first combined in lanes of 2^laneBits; the lane's variables are bound first. Short lanes suit small
 * proofs; 9 bits are the least that the mask's argument allows (spec/zero-knowledge.md, section 5).
 */
export const laneBits = (g: Geometry): number => Math.min(g.shape.logRow, 12, Math.max(9, g.variables - 13))

const dotF = (weights: readonly K[], column: readonly bigint[]): K => {
  let c0 = 0n
  let c1 = 0n
  column.forEach((v, i) => {
    const w = weights[i] ?? K_ZERO
    c0 += w[0] * v
    c1 += w[1] * v
  })
  return [toF(c0), toF(c1)]
}
