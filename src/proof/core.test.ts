import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { chooseShape } from '../commit/geometry.ts'
import { Execution } from '../graph/execution.ts'
import { ProgramBuilder } from '../graph/graph.ts'
import { argmax } from '../ops/argmax/relation.ts'
import { argmaxFinish, argmaxOf, logits } from '../ops/argmax/witness.ts'
import { embed } from '../ops/embed/relation.ts'
import { embedWitness } from '../ops/embed/witness.ts'
import { linear } from '../ops/linear/relation.ts'
import { linearWitness } from '../ops/linear/witness.ts'
import { layoutTensors } from '../program/layout.ts'
import type { Tensor } from '../program/program.ts'
import { BLIND_ENTRIES, BLIND_NAME } from './commitment.ts'
import { countMultiplicities } from './multiplicities.ts'
import { proveCore } from './prove-core.ts'
import { setUp } from './setup.ts'
import { seededRandom } from './testing.ts'
import { verifyCore } from './verify-core.ts'
import { commitWeights, drawBlind, drawTail, weightsStack } from './weights.ts'

test('a small graph is proven and verified', async () => {
  const backend = loadBackend()
  const random = seededRandom(7)
  const tokens = [3, 1, 4, 1, 5]
  const build = (chosen: number[]) => {
    const b = new ProgramBuilder()
    const table = b.weight('E', [7, 12], 12)
    const w = b.weight('W', [12, 12], 12)
    b.weight(BLIND_NAME, [BLIND_ENTRIES], 0)
    const e = embed(b, { name: 'embed', tokens, table, positionOffset: 0, scale: 10, bits: 16 })
    const l = linear(b, { name: 'fc', group: 'fc', x: e.out, w, outer: [12], scale: 10, bits: 16 })
    const a = argmax(b, { name: 'argmax', x: l.out, head: table, first: 2, chosen })
    return { e, l, a, program: b.finish() }
  }
  const values = new Map<string, Int16Array>()
  const bytes = new Uint8Array(2 * 1000)
  random(bytes)
  const ints = new Int16Array(bytes.buffer)
  values.set('E', ints.slice(0, 84).map(v => v >> 3))
  values.set('W', ints.slice(84, 228).map(v => v >> 3))
  values.set(BLIND_NAME, drawBlind(random))
  const weight = (t: Tensor): Int16Array => values.get(t.name) as Int16Array
  const first = build([0, 0])
  const x0 = new Execution(backend, weight)
  embedWitness(x0, first.e, tokens, 0, 5)
  linearWitness(x0, first.l, 0, 5)
  const chosen = [2, 3].map(i => argmaxOf(logits(x0, first.a, i)))
  const { e, l, a, program } = build(chosen)
  const x = new Execution(backend, weight)
  embedWitness(x, e, tokens, 0, 5)
  linearWitness(x, l, 0, 5)
  argmaxFinish(x, a)
  countMultiplicities(program, x)
  const layout = layoutTensors(program.weights)
  const shape = chooseShape(layout.length, 4, 200_000)
  const stack = weightsStack(program.weights, layout, weight)
  const { committed, commitment } = commitWeights(backend, shape, program.weights, layout, stack, drawTail(shape, random))
  const setup = setUp(program, { weights: shape })
  const statement = new TextEncoder().encode('test')
  const out = await proveCore({ setup, commitments: { weights: commitment }, committed: { weights: committed }, statement, values: t => x.values(t), random, backend })
  expect(() => verifyCore(setup, { weights: commitment }, statement, out.proof)).not.toThrow()
  expect(() => verifyCore(setup, { weights: commitment }, new TextEncoder().encode('other'), out.proof)).toThrow()
})
