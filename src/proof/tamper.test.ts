import { beforeAll, expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { verdict } from './malicious.ts'
import type { ProveOutput } from './prove-core.ts'
import { Rejection } from './rejection.ts'
import { DAMAGES, sampleFields } from './tamper.ts'
import { seededRandom } from './testing.ts'
import { soundTiny, type Tiny } from './tiny.ts'
import { verifyCore } from './verify-core.ts'

let tiny: Tiny
let out: ProveOutput
const random = seededRandom(3)

beforeAll(async () => {
  tiny = soundTiny(loadBackend(), random)
  out = await tiny.prove(random)
})

const expectRejection = (proof: Uint8Array, what: string): void => {
  const got = verdict(tiny, proof)
  expect(got.ok, what).toBe(false)
  if (!got.ok) expect(got.at, what).toMatch(/\S/)
}

test('the fields cover the proof without gaps', () => {
  let at = 0
  for (const { offset, length } of out.fields) {
    expect(offset).toBe(at)
    at += length
  }
  expect(at).toBe(out.proof.length)
})

test('an undamaged proof is accepted', () => {
  expect(verdict(tiny, out.proof)).toEqual({ ok: true })
})

test.each(DAMAGES.map(d => [d.name, d] as const))('%s, on every tag', (_, damage) => {
  for (const { field, next } of sampleFields(out.fields, 2)) {
    expectRejection(damage.apply(out.proof, field, next), `${field.tag} at ${field.offset}`)
  }
})

test('a proof has one length', () => {
  expectRejection(new Uint8Array(0), 'empty')
  expectRejection(Uint8Array.from([...out.proof, 0]), 'one byte more')
  expectRejection(out.proof.slice(0, -1), 'one byte less')
  expectRejection(Uint8Array.from([...out.proof, ...out.proof]), 'twice')
})

test('a proof is for one statement and one commitment', async () => {
  const { setup, commitment, statement } = tiny
  const other = await tiny.prove(random)
  const attempts: [string, () => void][] = [
    ['statement', () => verifyCore(setup, { weights: commitment }, new TextEncoder().encode('fixturf'), out.proof)],
    ['longer statement', () => verifyCore(setup, { weights: commitment }, Uint8Array.from([...statement, 0]), out.proof)],
    ['root', () => verifyCore(setup, { weights: { ...commitment, root: commitment.root.map((b, i) => (i === 0 ? b ^ 1 : b)) } }, statement, out.proof)],
    ['outside', () => verifyCore(setup, { weights: { ...commitment, outside: [commitment.outside[1], commitment.outside[0]] } }, statement, out.proof)],
    ['shape', () => verifyCore(setup, { weights: { ...commitment, shape: { ...commitment.shape, tail: commitment.shape.tail + 1 } } }, statement, out.proof)],
    ['another witness', () => verifyCore(setup, { weights: commitment }, statement, Uint8Array.from([...other.proof.subarray(0, 26), ...out.proof.subarray(26)]))],
  ]
  for (const [what, attempt] of attempts) expect(attempt, what).toThrow(Rejection)
})
