/** Prover of the masked opening of one linear claim. Mirrors verify.ts. */
import { type Backend, DIGEST_STRIDE, type KVec, type RowMatrix } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import { fMul, type K, K_ONE, K_ZERO, kAdd, kMul, kPowers } from '../field/goldilocks.ts'
import { type BitWeights, eqWeights, indexWeights, weightsAt } from '../poly/multilinear.ts'
import type { CommitmentName } from '../program/program.ts'
import type { ProofWriter } from '../proof/stream.ts'
import { silent, type Tick } from '../proof/tick.ts'
import { kAt, kVec } from '../sumcheck/tables.ts'
import type { Transcript } from '../transcript/transcript.ts'
import type { Layouts, OpeningClaim } from './claim.ts'
import { leafPoint } from './domain.ts'
import { type Geometry, MASK_ROWS } from './geometry.ts'
import { maskAt, maskFunctional, maskSum, readMask } from './mask.ts'
import { openSiblings, treeRoot, uniqueSorted } from './merkle.ts'
import { type Matrices, matrixOf, structuredSum } from './structured.ts'
import { laneBits, splitPoint } from './verify.ts'

export interface ProverSide {
  readonly transcript: Transcript
  readonly writer: ProofWriter
  readonly backend: Backend
}

/** A committed row matrix and its Merkle tree. */
export interface Committed {
  readonly rows: RowMatrix
  readonly tree: Uint8Array
}

export type CommittedParts = Readonly<Partial<Record<CommitmentName, Committed>>> & { readonly witness: Committed }

const sendK = ({ transcript, writer }: ProverSide, tag: string, value: K): void => {
  writer.k(tag, value)
  transcript.absorbK(tag, value)
}

export const provePow = ({ transcript, writer, backend }: ProverSide, tag: string, bits: number): void => {
  if (bits === 0) return
  const nonce = backend.grind(transcript.powSeed(tag), bits)
  writer.u64(tag, nonce)
  transcript.absorbPow(tag, nonce)
}

interface OpenOracle {
  readonly at: string
  readonly logRow: number
  readonly logDomain: number
  readonly queries: number
  readonly queryPowBits: number
  open(leaves: readonly number[]): void
}

const query = (side: ProverSide, oracle: OpenOracle): bigint[] => {
  provePow(side, `${oracle.at}/pow`, oracle.queryPowBits)
  const leaves = uniqueSorted(side.transcript.indices(`${oracle.at}/queries`, oracle.queries, oracle.logDomain))
  oracle.open(leaves)
  return leaves.map(leaf => leafPoint(leaf, oracle.logRow, oracle.logDomain))
}

const writeColumns = (side: ProverSide, at: string, { rows, tree }: Committed, logDomain: number, leaves: readonly number[]): void => {
  const columns = side.backend.columns(rows, logDomain, Uint32Array.from(leaves))
  side.writer.u64(`${at}/column`, ...columns)
  for (const sibling of openSiblings(tree, DIGEST_STRIDE, logDomain, leaves)) side.writer.bytes(`${at}/path`, sibling)
  for (let i = 0; i < leaves.length; i++) {
    const column = columns.subarray(i * rows.rows, (i + 1) * rows.rows)
    side.transcript.absorbK(`${at}/column`, ...Array.from(column, v => [v, 0n] as const))
  }
}

/** w[j] += sum_q coef[q] * points[q]^j. */
const addPowers = (backend: Backend, w: KVec, points: readonly bigint[], coefs: readonly K[]): void => {
  const length = w.c0.length
  const width = Math.min(length, 4096)
  // Powers 0 .. width-1 of every point, then one combination per block of w.
  const powers = new BigUint64Array(points.length * width)
  const step: bigint[] = []
  points.forEach((x, q) => {
    const bits = Math.log2(width)
    let power = x
    const weights: K[] = []
    for (let b = 0; b < bits; b++) {
      weights.unshift(K_ONE, [power, 0n])
      power = fMul(power, power)
    }
    powers.set(backend.expand(weights, K_ONE).c0, q * width)
    // x^width, after one squaring for each of its bits.
    step.push(power)
  })
  const index = Uint32Array.from(points, (_, q) => q)
  let current = [...coefs]
  for (let from = 0; from < length; from += width) {
    const part = backend.combine(powers, width, index, kVec(current))
    backend.axpy({ c0: w.c0.subarray(from, from + width), c1: w.c1.subarray(from, from + width) }, K_ONE, part)
    current = current.map((c, q) => kMul(c, [step[q] ?? 0n, 0n]))
  }
}

/** Rows over F of a vector over K: row 2i holds c0, row 2i + 1 c1 of the i-th run of 2^logRow entries. */
const vectorRows = (backend: Backend, vector: KVec, logRow: number, rows: number): RowMatrix => {
  const width = 2 ** logRow
  const data = backend.zeros(2 * rows * width)
  for (let i = 0; i < rows; i++) {
    data.set(vector.c0.subarray(i * width, (i + 1) * width), 2 * i * width)
    data.set(vector.c1.subarray(i * width, (i + 1) * width), (2 * i + 1) * width)
  }
  return { data, rows: 2 * rows, logRow, tail: new BigUint64Array(0), tailLength: 0 }
}

const multilinearAt = (backend: Backend, vector: KVec, point: readonly K[]): K =>
  backend.productSum([vector, backend.expand(eqWeights(point).flat(), K_ONE)])

type ProverForm = { readonly weights: readonly BitWeights[] } | { readonly values: readonly K[] }

const proveChain = async (
  side: ProverSide,
  g: Geometry,
  first: OpenOracle,
  z: KVec,
  claims: readonly ProverForm[],
  tick: Tick,
): Promise<void> => {
  const { backend, transcript, writer } = side
  let oracle = first
  let bits = g.shape.logRow + 1
  let vector = z
  let weights: KVec = { c0: backend.zeros(2 ** bits), c1: backend.zeros(2 ** bits) }
  let pending: ProverForm[] = [...claims]
  for (const [index, r] of g.rounds.entries()) {
    await tick(0.6 + (0.4 * index) / g.rounds.length)
    const at = `opening/chain ${index}`
    // P -> V: the vector's commitment, and its value at a random point outside the domain.
    const rows = vectorRows(backend, vector, r.logRow, r.rows)
    const committed = { rows, tree: backend.commit(rows, r.logDomain) }
    const root = treeRoot(committed.tree, DIGEST_STRIDE)
    writer.bytes(`${at}/root`, root)
    transcript.absorbBytes(`${at}/root`, root)
    const outside = transcript.challenges(`${at}/outside`, bits)
    sendK(side, `${at}/outside`, multilinearAt(backend, vector, outside))
    pending.push({ weights: eqWeights(outside) })
    // V -> P: columns of the previous oracle; each is a claim on this vector.
    const points = query(side, oracle)
    const gammas = kPowers(transcript.challenge(`${at}/batch`), pending.length + points.length)
    pending.forEach((form, i) => {
      const gamma = gammas[i] ?? K_ZERO
      if ('weights' in form) backend.axpy(weights, gamma, backend.expand(form.weights.flat(), K_ONE))
      else {
        form.values.forEach((v, j) => {
          const sum = kAdd(kAt(weights, j), kMul(gamma, v))
          weights.c0[j] = sum[0]
          weights.c1[j] = sum[1]
        })
      }
    })
    addPowers(backend, weights, points, gammas.slice(pending.length))
    pending = []
    // Fold the rows.
    for (; bits > r.logRow; bits--) {
      const [g0, , g2] = backend.innerRound([[vector, weights]])
      sendK(side, `${at}/round`, g0 ?? K_ZERO)
      sendK(side, `${at}/round`, g2 ?? K_ZERO)
      provePow(side, `${at}/round/pow`, r.code.foldPowBits)
      const challenge = transcript.challenge(`${at}/round`)
      vector = backend.fold(vector, challenge)
      weights = backend.fold(weights, challenge)
    }
    oracle = {
      at: `${at}/oracle`,
      logRow: r.logRow,
      logDomain: r.logDomain,
      queries: r.code.queries,
      queryPowBits: r.code.queryPowBits,
      open: leaves => writeColumns(side, `${at}/oracle`, committed, r.logDomain, leaves),
    }
  }
  // P -> V: the last vector, in the clear.
  for (let i = 0; i < 2 ** bits; i++) sendK(side, 'opening/final', kAt(vector, i))
  query(side, oracle)
}

/** Proves <claim.form, stacks> = claim.value. The witness matrix ends in the rows t, g1, g2. */
export const proveOpening = async (
  side: ProverSide,
  g: Geometry,
  committed: CommittedParts,
  layouts: Layouts,
  claim: OpeningClaim,
  tick: Tick = silent,
): Promise<void> => {
  const { transcript, backend } = side
  const matrices: Matrices = {
    weights: committed.weights?.rows,
    next: committed.next?.rows,
    data: committed.data?.rows,
    witness: committed.witness.rows,
  }
  const width = 2 ** g.shape.logRow
  const maskRow = g.witnessRows - MASK_ROWS
  const t = (matrices.witness.data as BigUint64Array).subarray(maskRow * width, (maskRow + 1) * width)
  const mask = readMask(t, g.variables)
  // P -> V: the mask's sum; V -> P: rho.
  sendK(side, 'opening/mask sum', maskSum(mask, g.variables, []))
  const rho = transcript.challenge('opening/rho')
  const lane = laneBits(g)
  const sum = structuredSum(backend, claim, layouts, matrices, g, lane)
  const challenges: K[] = []
  for (let k = 0; k < g.variables; k++) {
    const values = sum.round()
    const masked = (x: 0n | 2n): K => {
      const own = values[Number(x)] ?? K_ZERO
      return kAdd(own, kMul(rho, maskSum(mask, g.variables, [...challenges, [x, 0n]])))
    }
    sendK(side, 'opening/round', masked(0n))
    sendK(side, 'opening/round', masked(2n))
    const folds = k >= lane && k < lane + g.rowBits
    provePow(side, 'opening/round/pow', folds ? g.code.foldPowBits : 0)
    const r = transcript.challenge('opening/round')
    challenges.push(r)
    sum.bind(r)
    await tick(0.2 + (0.3 * (k + 1)) / g.variables)
  }
  const { row, column } = splitPoint(g, challenges)
  const rowWeight = (i: number): K => weightsAt(indexWeights(i, row.length), row)
  // g1 and g2 make u uniform over K only where their weights are independent over F.
  const end = (g.parts.at(-1)?.base ?? 0) + g.witnessRows
  const [w1, w2] = [rowWeight(end - 2), rowWeight(end - 1)]
  if (fMul(w1[0], w2[1]) === fMul(w1[1], w2[0])) {
    throw new InternalError('the challenges leave the uniform rows dependent (probability 2^-64): prove again')
  }
  const rowIndex = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i)
  // u over data and tail.
  const u: KVec = { c0: backend.zeros(2 * width), c1: backend.zeros(2 * width) }
  for (const { name, base } of g.parts) {
    const rows = matrixOf(matrices, name)
    const coef = kVec(Array.from({ length: rows.rows }, (_, i) => rowWeight(base + i)))
    const head = { c0: u.c0.subarray(0, width), c1: u.c1.subarray(0, width) }
    backend.axpy(head, K_ONE, backend.combine(rows.data, width, rowIndex(rows.rows), coef))
    if (rows.tailLength > 0) {
      const tail = { c0: u.c0.subarray(width, width + rows.tailLength), c1: u.c1.subarray(width, width + rows.tailLength) }
      backend.axpy(tail, K_ONE, backend.combine(rows.tail, rows.tailLength, rowIndex(rows.rows), coef))
    }
  }
  const columnWeights = backend.expand(eqWeights(column).flat(), K_ONE)
  const b = maskFunctional(challenges)
  // P -> V: f(p), s(p), <t, a>, <u, b>.
  sendK(side, 'opening/f', sum.value())
  sendK(side, 'opening/s', maskAt(mask, challenges))
  sendK(side, 'opening/t.a', backend.productSum([t, columnWeights]))
  sendK(side, 'opening/u.b', b.reduce((s, w, i) => kAdd(s, kMul(w, kAt(u, i))), K_ZERO))
  // V -> P: beta; z = u + beta t.
  provePow(side, 'opening/beta/pow', g.code.foldPowBits)
  const beta = transcript.challenge('opening/beta')
  backend.axpy({ c0: u.c0.subarray(0, width), c1: u.c1.subarray(0, width) }, beta, t)
  const tailRow = matrices.witness.tail.subarray(maskRow * matrices.witness.tailLength, (maskRow + 1) * matrices.witness.tailLength)
  backend.axpy({ c0: u.c0.subarray(width, width + tailRow.length), c1: u.c1.subarray(width, width + tailRow.length) }, beta, tailRow)
  const first: OpenOracle = {
    at: 'opening/columns',
    logRow: g.shape.logRow,
    logDomain: g.shape.logDomain,
    queries: g.code.queries,
    queryPowBits: g.code.queryPowBits,
    open: leaves => {
      for (const { name } of g.parts) {
        const part = committed[name]
        if (part) writeColumns(side, `opening/${name}`, part, g.shape.logDomain, leaves)
      }
    },
  }
  const data: BitWeights = [K_ONE, K_ZERO]
  await proveChain(side, g, first, u, [{ weights: [data, ...eqWeights(column)] }, { values: b }], tick)
}
