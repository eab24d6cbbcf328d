/** The prover of a program's proof. Mirrors verify-core.ts. */
import { type Backend, DIGEST_STRIDE, type RowMatrix } from '../backend/backend.ts'
import { MASK_ROWS } from '../commit/geometry.ts'
import { treeRoot } from '../commit/merkle.ts'
import { type Committed, provePow, proveOpening } from '../commit/prove.ts'
import { InternalError } from '../errors.ts'
import { type K, K_ZERO, kAdd, kMul } from '../field/goldilocks.ts'
import { proveLookups, type Stacks } from '../lookup/prove.ts'
import { forEachRun } from '../program/layout.ts'
import type { StoredName, Tensor } from '../program/program.ts'
import { proveRelations } from '../sumcheck/prove.ts'
import type { Values } from '../sumcheck/tables.ts'
import { ProverChannel, VerifierChannel } from '../zk/channel.ts'
import { assertProducts, highProducts, productExpressions } from '../zk/products.ts'
import type { Commitments } from './commitment.ts'
import { finalClaim } from './final.ts'
import { type RandomFill, uniformField } from './random.ts'
import { runMasked, type Setup } from './setup.ts'
import { type Field, ProofWriter } from './stream.ts'
import { openTranscript } from './verify-core.ts'
import { stackWriter } from './stack.ts'
import type { Tick } from './tick.ts'

export interface ProveInput {
  readonly setup: Setup
  readonly commitments: Commitments
  /** The matrices behind them. */
  readonly committed: Readonly<Partial<Record<StoredName, Committed>>>
  readonly statement: Uint8Array
  /** Dense values of every tensor of the program but the pads. */
  readonly values: Values
  readonly random: RandomFill
  readonly backend: Backend
  readonly onStage?: (stage: string, done: number, total: number) => void | Promise<void>
}

export interface ProveOutput {
  readonly proof: Uint8Array
  readonly fields: readonly Field[]
  /** Seconds by stage. */
  readonly seconds: Readonly<Record<string, number>>
}

/** Uniform pads, products of pads, and the product check's own. */
const drawPads = (setup: Setup, random: RandomFill): BigUint64Array => {
  const pads = uniformField(2 * setup.extra.total, random)
  const at = (i: number): K => [pads[2 * i] ?? 0n, pads[2 * i + 1] ?? 0n]
  const put = (i: number, value: K): void => {
    pads[2 * i] = value[0]
    pads[2 * i + 1] = value[1]
  }
  for (const { a, b, product } of setup.products) put(product, kMul(at(a), at(b)))
  put(setup.extra.c0, kMul(at(setup.extra.a0), at(setup.extra.b0)))
  highProducts(setup.products, setup.extra, at).forEach((value, i) => {
    put(setup.extra.high + i, value)
  })
  return pads
}

/** The witness as rows: tensors, pads, then the uniform rows t, g1, g2; every row with a uniform tail. */
const witnessRows = ({ setup, values, random, backend }: ProveInput, pads: BigUint64Array): RowMatrix => {
  const { geometry: g, layouts } = setup
  const width = 2 ** g.shape.logRow
  const data = backend.zeros(g.witnessRows * width)
  const dense = (tensor: Tensor) => (tensor === setup.pads ? pads : values(tensor))
  for (const tensor of [...setup.program.witness, setup.pads]) {
    const from = dense(tensor)
    if (from.length !== tensor.shape.reduce((x, y) => x * y, 1)) {
      throw new InternalError(`${tensor.name}: ${from.length} values for shape ${tensor.shape}`)
    }
    const write = stackWriter(data, from)
    for (const block of layouts.witness.blocks[tensor.id] ?? []) forEachRun(block, write)
  }
  data.set(uniformField(MASK_ROWS * width, random), (g.witnessRows - MASK_ROWS) * width)
  return {
    data,
    rows: g.witnessRows,
    logRow: g.shape.logRow,
    tail: uniformField(g.witnessRows * g.witnessTail, random),
    tailLength: g.witnessTail,
  }
}

export const proveCore = async (input: ProveInput): Promise<ProveOutput> => {
  const { setup, commitments, backend, values, random } = input
  const seconds: Record<string, number> = {}
  const stage = async <T>(name: string, work: (tick: Tick) => T | Promise<T>): Promise<T> => {
    await input.onStage?.(name, 0, 1)
    const start = performance.now()
    const out = await work(share => input.onStage?.(name, share, 1))
    seconds[name] = (performance.now() - start) / 1000
    await input.onStage?.(name, 1, 1)
    return out
  }
  const writer = new ProofWriter()
  const transcript = openTranscript(input.statement, commitments)
  const side = { transcript, writer, backend }
  // P -> V: the witness commitment.
  const pads = drawPads(setup, random)
  const rows = await stage('witness', () => witnessRows(input, pads))
  const witness: Committed = await stage('commit', () => ({ rows, tree: backend.commit(rows, setup.geometry.shape.logDomain) }))
  const root = treeRoot(witness.tree, DIGEST_STRIDE)
  writer.bytes('witness/root', root)
  transcript.absorbBytes('witness/root', root)
  await stage('grinding', () => provePow(side, 'lookup/pow', setup.soundness.lookupPowBits))
  // Lookups and relations, masked. The verifier's own text then derives the claims from a copy of the transcript.
  const copy = transcript.clone()
  const channel = new ProverChannel(transcript, i => [pads[2 * i] ?? 0n, pads[2 * i + 1] ?? 0n])
  const stacks: Stacks = name => {
    const layout = setup.layouts[name]
    const data = name === 'witness' ? rows.data : input.committed[name]?.rows.data
    if (!layout || !data) throw new InternalError(`no ${name} commitment`)
    return { layout, data }
  }
  await stage('lookups', tick => proveLookups(channel, setup.program, setup.lookups, stacks, backend, tick))
  await stage('relations', tick => proveRelations(channel, setup.plan, values, backend, tick))
  for (const value of channel.masked) writer.k('masked', value)
  let next = 0
  const replay = new VerifierChannel(copy, () => channel.masked[next++] ?? K_ZERO)
  await stage('claims', () => runMasked(replay, setup.program, setup.plan, setup.lookups))
  if (next !== channel.masked.length || copy.digest() !== transcript.digest()) {
    throw new InternalError('prover and verifier disagree on the masked protocol')
  }
  // V -> P: r; P -> V: A(r), B(r) of the pad products.
  const r = channel.challenge('products')
  const polynomials = productExpressions(replay.products, setup.extra, r)
  const padSum = (atoms: ReadonlyMap<number, K>): K =>
    [...atoms].reduce((s, [i, c]) => kAdd(s, kMul(c, [pads[2 * i] ?? 0n, pads[2 * i + 1] ?? 0n])), K_ZERO)
  const a = padSum(polynomials.a.atoms)
  const b = padSum(polynomials.b.atoms)
  writer.k('products/a', a)
  writer.k('products/b', b)
  transcript.absorbK('products', a, b)
  assertProducts(replay, polynomials, a, b)
  // V -> P: gamma batches all linear claims.
  const claim = finalClaim(replay, setup, commitments, transcript.challenge('claims'))
  await stage('opening', tick =>
    proveOpening(side, setup.geometry, { ...input.committed, witness }, setup.layouts, claim, tick),
  )
  return { proof: writer.finish(), fields: writer.fields, seconds }
}
