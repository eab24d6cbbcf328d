/**
 * A tiny decoder that uses every operator, on sizes that are no powers of two, with random weights. Tests only: the
 * witness checker, malicious provers, the tamper manifest and the zero-knowledge tests share it.
 */
import type { Backend } from '../backend/backend.ts'
import { chooseShape } from '../commit/geometry.ts'
import type { Committed } from '../commit/prove.ts'
import { Execution } from '../graph/execution.ts'
import { ProgramBuilder, type Wire } from '../graph/graph.ts'
import { causalMasks } from '../models/integer/publics.ts'
import { argmax, type ArgmaxNode } from '../ops/argmax/relation.ts'
import { argmaxOf, logits } from '../ops/argmax/witness.ts'
import { attention, type AttentionNode } from '../ops/attention/relation.ts'
import { embed, type EmbedNode } from '../ops/embed/relation.ts'
import { linear, type LinearNode } from '../ops/linear/relation.ts'
import { norm, type NormNode } from '../ops/norm/relation.ts'
import { product, type ProductNode } from '../ops/product/relation.ts'
import type { Node } from '../ops/registry.ts'
import { relu, type ReluNode } from '../ops/relu/relation.ts'
import { rope, ROPE_SCALE, type RopeNode } from '../ops/rope/relation.ts'
import { sum } from '../ops/sum/relation.ts'
import { table, type TableNode } from '../ops/table/relation.ts'
import { finishNode, runNode } from '../ops/witness.ts'
import { evaluateInts, log2Ceil } from '../poly/multilinear.ts'
import { layoutTensors } from '../program/layout.ts'
import type { Program, PublicTensor, Tensor } from '../program/program.ts'
import { BLIND_ENTRIES, BLIND_NAME, type WeightsCommitment } from './commitment.ts'
import { countMultiplicities } from './multiplicities.ts'
import { type ProveOutput, proveCore } from './prove-core.ts'
import type { RandomFill } from './random.ts'
import { type Setup, setUp } from './setup.ts'
import { seededRandom } from './testing.ts'
import { commitWeights, drawBlind, drawTail, weightsStack } from './weights.ts'

export const TOKENS = [3, 1, 4, 1, 5]
const VOCABULARY = 11
const HIDDEN = 6
const REPEATS = 2
const HALF = 3
const FF = 5
/** Position whose logits choose the first generated token. */
const FIRST = 3

/** A rotation by a different angle at each position and frequency, as public integers. */
const rotation = (name: string, f: (x: number) => number): PublicTensor => {
  const shape = [TOKENS.length, HALF]
  const values = Int32Array.from({ length: TOKENS.length * HALF }, (_, i) =>
    Math.round(f(Math.floor(i / HALF) / 4 ** (i % HALF)) * 2 ** ROPE_SCALE),
  )
  const padded = new Int32Array(2 ** (log2Ceil(TOKENS.length) + log2Ceil(HALF)))
  values.forEach((v, i) => {
    padded[Math.floor(i / HALF) * 2 ** log2Ceil(HALF) + (i % HALF)] = v
  })
  return { name, shape, values: () => values, evaluate: points => evaluateInts(padded, points.flat()) }
}

export interface FixtureNodes {
  readonly embed: EmbedNode
  readonly rms: NormNode
  readonly layer: NormNode
  readonly q: LinearNode
  readonly gate: LinearNode
  readonly rope: RopeNode
  readonly attention: AttentionNode
  readonly table: TableNode
  readonly relu: ReluNode
  readonly product: ProductNode
  readonly argmax: ArgmaxNode
}

interface Built {
  readonly program: Program
  readonly nodes: FixtureNodes
  readonly order: readonly Node[]
}

const build = (chosen: readonly number[]): Built => {
  const b = new ProgramBuilder()
  const order: Node[] = []
  const add = <N extends Node>(node: N): N => {
    order.push(node)
    return node
  }
  const scale = 10
  const bits = 16
  b.weight(BLIND_NAME, [BLIND_ENTRIES], 0)
  const project = (name: string, group: string, x: Wire, outer: number[], lead = false, covered = false): LinearNode => {
    const w = b.weight(`${name}.w`, [...outer, ...x.shape.slice(1)], 12)
    const bias = b.weight(`${name}.b`, outer, 14)
    return add(linear(b, { name, group, x, w, bias, outer, lead, covered, scale, bits }))
  }
  const E = b.weight('E', [VOCABULARY, HIDDEN], 12)
  const positions = b.weight('P', [TOKENS.length + 2, HIDDEN], 13)
  const e = add(embed(b, { name: 'embed', tokens: TOKENS, table: E, positions, positionOffset: 2, scale, bits }))
  const rms = add(norm(b, { name: 'rms', group: 'rms', kind: 'rms', x: e.out, gain: b.weight('rms.g', [HIDDEN], 12), eps: 1e-5, scale, bits }))
  const q = project('q', 'q', rms.out, [2, REPEATS, 1, HALF], true)
  const k = project('k', 'k', rms.out, [2, 1, HALF], true)
  const v = project('v', 'v', rms.out, [1, 2 * HALF])
  const tables = { cos: rotation('cos', Math.cos), sin: rotation('sin', Math.sin) }
  const qr = add(rope(b, { name: 'q.rope', group: 'q.rope', x: q.out, bits, ...tables }))
  const kr = add(rope(b, { name: 'k.rope', group: 'k.rope', x: k.out, bits, ...tables }))
  const mixed = add(
    attention(b, {
      name: 'attention', group: 'attention', q: qr.out, k: kr.out, v: v.out, rotary: true,
      ...causalMasks(TOKENS.length), scoreScale: 10, headDim: 2 * HALF,
    }),
  )
  const o = project('o', 'o', mixed.out, [HIDDEN])
  const h = add(sum('h', e.out, o.out))
  const layer = add(
    norm(b, {
      name: 'layer', group: 'layer', kind: 'layer', x: h.out, gain: b.weight('layer.g', [HIDDEN], 12),
      bias: b.weight('layer.b', [HIDDEN], 14), eps: 1e-5, scale, bits,
    }),
  )
  // Two relations of one group are stacked.
  const gate = project('gate', 'in', layer.out, [FF], false, true)
  const up = project('up', 'in', layer.out, [FF])
  const active = add(table(b, { name: 'silu', kind: 'silu', x: gate.out, scale }))
  const rectified = add(relu(b, { name: 'relu', group: 'relu', x: up.out }))
  const gated = add(product(b, { name: 'gated', group: 'gated', a: active.out, b: rectified.out, scale, bits }))
  const down = project('down', 'down', gated.out, [HIDDEN])
  const out = add(sum('out', h.out, down.out))
  const a = add(argmax(b, { name: 'argmax', x: out.out, head: E, first: FIRST, chosen }))
  const nodes = {
    embed: e, rms, layer, q, gate, rope: qr, attention: mixed, table: active, relu: rectified, product: gated, argmax: a,
  }
  return { program: b.finish(), nodes, order }
}

export interface Fixture {
  readonly backend: Backend
  readonly program: Program
  readonly nodes: FixtureNodes
  /** All nodes, in order of execution. */
  readonly order: readonly Node[]
  readonly setup: Setup
  readonly weights: Committed
  readonly commitment: WeightsCommitment
  readonly statement: Uint8Array
  /** A fresh execution, multiplicities included; of a false statement, without the argmax and the multiplicities. */
  execute(): Execution
  prove(x: Execution, options?: { random?: RandomFill; backend?: Backend }): Promise<ProveOutput>
}

/** Weights of about 13 bits: no activation leaves its range. */
const drawWeights = (program: Program, random: RandomFill): ReadonlyMap<string, Int16Array> => {
  const out = new Map<string, Int16Array>()
  for (const tensor of program.weights) {
    const values = new Int16Array(tensor.shape.reduce((p, s) => p * s, 1))
    random(new Uint8Array(values.buffer))
    out.set(tensor.name, values.map(v => v >> 3))
  }
  return out.set(BLIND_NAME, drawBlind(random))
}

/** @param wrong how far the stated tokens lie from the chosen ones: 0, or a false statement */
export const makeFixture = (backend: Backend, wrong = 0): Fixture => {
  const random = seededRandom(1)
  const draft = build([0, 0])
  const values = drawWeights(draft.program, random)
  const weight = (t: Tensor): Int16Array => values.get(t.name) ?? new Int16Array(0)
  const run = ({ order }: Built): Execution => {
    const x = new Execution(backend, weight)
    for (const node of order) runNode(x, node, 0, TOKENS.length, TOKENS)
    return x
  }
  const first = run(draft)
  const { program, nodes, order } = build(
    [0, 1].map(i => (argmaxOf(logits(first, draft.nodes.argmax, FIRST + i)) + wrong) % VOCABULARY),
  )
  const execute = (): Execution => {
    const x = run({ program, nodes, order })
    for (const node of order) if (wrong === 0 || node.op !== 'argmax') finishNode(x, node)
    if (wrong === 0) countMultiplicities(program, x)
    return x
  }
  const layout = layoutTensors(program.weights)
  const shape = chooseShape(layout.length, 2, 300_000)
  const stack = weightsStack(program.weights, layout, weight)
  const { committed, commitment } = commitWeights(backend, shape, program.weights, layout, stack, drawTail(shape, random))
  const setup = setUp(program, { weights: shape })
  const statement = new TextEncoder().encode('fixture')
  return {
    backend, program, nodes, order, setup, weights: committed, commitment, statement, execute,
    prove: (x, options = {}) =>
      proveCore({ setup, commitments: { weights: commitment }, committed: { weights: committed }, statement, values: t => x.values(t), random, backend, ...options }),
  }
}
