/** Provers who cheat with the whole model: another layer's weights, another node's table, values in reserved places. */
import { beforeAll, expect, test } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { Execution } from '../../graph/execution.ts'
import type { NodeOf } from '../../ops/registry.ts'
import { finishNode, runNode } from '../../ops/witness.ts'
import { layoutTensors } from '../../program/layout.ts'
import type { Program } from '../../program/program.ts'
import {
  decodeCommitment,
  digestOf,
  encodeCommitment,
  encodeProof,
  statementBytes,
  type Statement,
} from '../../proof/files.ts'
import { countMultiplicities } from '../../proof/multiplicities.ts'
import { type CommittedModel, commitModel, proveRun } from '../../proof/prove.ts'
import { proveCore } from '../../proof/prove-core.ts'
import { setUp } from '../../proof/setup.ts'
import { seededRandom } from '../../proof/testing.ts'
import { verify } from '../../proof/verify.ts'
import { commitWeights, drawBlind, drawTail, weightsStack } from '../../proof/weights.ts'
import { BLIND_NAME } from '../../proof/commitment.ts'
import { IntegerModel } from './model.ts'
import { build, sequenceOf } from './program.ts'
import { readModel } from './store.ts'

const backend = loadBackend()
const { description, weights } = readModel('models/demo')
const random = seededRandom(11)
const prompt = [835, 26]
let target: CommittedModel

beforeAll(() => {
  target = commitModel(backend, description, weights, new Uint8Array(32).fill(7), 8)
})

test('the honest model is accepted', async () => {
  const proof = await proveRun(target, await target.model.generate(prompt, 2), { random })
  expect(verify(proof.file, target.file)).toMatchObject({ ok: true })
})

test('layers that swap their weights are rejected', async () => {
  const swapped = new Map(weights)
  for (const part of ['norm1.gain', 'norm2.gain', 'o']) {
    swapped.set(`l1.${part}`, weights.get(`l2.${part}`) as Int16Array)
    swapped.set(`l2.${part}`, weights.get(`l1.${part}`) as Int16Array)
  }
  swapped.set(BLIND_NAME, drawBlind(random))
  const cheat = { ...target, model: new IntegerModel(description, swapped, backend) }
  const proof = await proveRun(cheat, await cheat.model.generate(prompt, 2), { random })
  expect(verify(proof.file, target.file)).toMatchObject({ ok: false, at: 'opening/claim' })
})

test("an activation that looks up another layer's table is rejected", async () => {
  const honest = await target.model.generate(prompt, 2)
  const { program, nodes } = build(description, sequenceOf(prompt, honest.generated))
  const tables = nodes.filter((n): n is NodeOf<'table'> => n.op === 'table')
  const [first, other] = tables as [NodeOf<'table'>, NodeOf<'table'>]
  const tableOf = (name: string): number => program.lookups.find(l => l.name === name)?.table ?? -1
  const wrong = tables.find(t => tableOf(t.name) !== tableOf(first.name)) ?? other
  expect(tableOf(wrong.name)).not.toBe(tableOf(first.name))
  const lookups = program.lookups.map(l => (l.name === first.name ? { ...l, table: tableOf(wrong.name) } : l))
  const cheating: Program = { ...program, lookups }
  const x = new Execution(backend, tensor => target.model.weight(tensor))
  const tokens = [...prompt, ...honest.generated.slice(0, -1)]
  const run = nodes.map(n => (n === first ? { ...first, values: wrong.values } : n))
  for (const node of run) runNode(x, node, 0, tokens.length, tokens)
  for (const node of run) if (node.op !== 'argmax') finishNode(x, node)
  // The answer that this other function gives need not be the stated one: keep the head's own witness if it fails.
  try {
    for (const node of run) if (node.op === 'argmax') finishNode(x, node)
  } catch {
    for (const node of run)
      if (node.op === 'argmax') for (const limb of node.diff.tensors) x.ints(limb).fill(0)
  }
  countMultiplicities(cheating, x)
  const commitment = decodeCommitment(target.file).weights
  const statement: Statement = {
    kind: 'inference',
    commitment: target.digest,
    prompt,
    generated: honest.generated,
  }
  const { proof } = await proveCore({
    setup: setUp(cheating, { weights: commitment.shape }),
    commitments: { weights: commitment },
    committed: { weights: target.committed },
    statement: statementBytes(statement),
    values: t => (t.commitment === 'weights' ? target.model.weight(t) : x.values(t)),
    random,
    backend,
  })
  expect(verify(encodeProof(statement, proof), target.file)).toMatchObject({ ok: false })
})

test('a private token that is no token is rejected', async () => {
  /** Row 0 of the one-hot matrix becomes 2 and -1: it still sums to 1. */
  class Cheat extends IntegerModel {
    override witness(...args: Parameters<IntegerModel['witness']>): Execution {
      const x = super.witness(...args)
      const embed = args[2].find((n): n is NodeOf<'embed'> => n.op === 'embed')
      const row = x.ints(embed?.oneHot as NonNullable<NodeOf<'embed'>['oneHot']>)
      row[prompt[0] as number] = 2
      row[(prompt[0] as number) + 1] = -1
      return x
    }
  }
  const blinded = new Map(weights).set(BLIND_NAME, target.model.weight({ name: BLIND_NAME } as never))
  const cheat = { ...target, model: new Cheat(description, blinded, backend) }
  const run = await cheat.model.generate(prompt, 2)
  const proof = await proveRun(cheat, run, { privatePrompt: true, random })
  expect(proof.statement.prompt).toEqual([null, null])
  expect(verify(proof.file, target.file)).toMatchObject({ ok: false, at: 'opening/claim' })
})

test('values behind the weights change no claim, and buy no other answer', async () => {
  const { program } = build(description, sequenceOf([0], [0]))
  const layout = layoutTensors(program.weights)
  const { shape } = decodeCommitment(target.file).weights
  const honest = weightsStack(program.weights, layout, t => target.model.weight(t))
  const full = new Int16Array(shape.rows * 2 ** shape.logRow).fill(-12345)
  full.set(honest)
  const { committed, commitment } = commitWeights(
    backend,
    shape,
    program.weights,
    layout,
    full,
    drawTail(shape, random),
  )
  const file = encodeCommitment({ description, weights: commitment })
  const reserved: CommittedModel = { ...target, committed, file, digest: digestOf(file) }
  const run = await target.model.generate(prompt, 2)
  const proof = await proveRun(reserved, run, { random })
  expect(verify(proof.file, file, { generated: run.generated })).toMatchObject({ ok: true })
  const lie: Statement = {
    ...proof.statement,
    generated: [run.generated[0] as number, ((run.generated[1] as number) + 1) % 1024],
  }
  const body = proof.file.slice(proof.file.length - proof.fields.reduce((s, f) => s + f.length, 0))
  expect(verify(encodeProof(lie, body), file)).toMatchObject({ ok: false })
})
