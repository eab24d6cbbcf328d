import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCommitment, decodeProof, encodeCommitment, encodeProof, type Statement } from './files.ts'
import { Rejection } from './rejection.ts'
import { verify } from './verify.ts'

const { model } = JSON.parse(readFileSync('models/demo/proofmark.json', 'utf8'))
const commitment = encodeCommitment({
  description: model,
  weights: { shape: { logRow: 16, logDomain: 19, rows: 15, tail: 6000 }, root: new Uint8Array(26), outside: [1n, 2n] },
})
const statement: Statement = { kind: 'inference', commitment: '00'.repeat(32), prompt: [1, null], generated: [3] }
const proof = encodeProof(statement, Uint8Array.of(1, 2, 3))

const edit = (change: (json: Record<string, unknown>) => void): Uint8Array => {
  const json = JSON.parse(new TextDecoder().decode(commitment)) as Record<string, unknown>
  change(json)
  return new TextEncoder().encode(JSON.stringify(json))
}

test('files survive a round trip', () => {
  expect(encodeCommitment(decodeCommitment(commitment))).toEqual(commitment)
  const decoded = decodeProof(proof)
  expect(decoded.statement).toEqual(statement)
  expect(decoded.body).toEqual(Uint8Array.of(1, 2, 3))
})

test.each([
  ['another version', (j: Record<string, unknown>) => void (j.version = 2), /version 1, got 2/],
  ['an unknown field', (j: Record<string, unknown>) => void (j.extra = 1), /./],
  ['a missing root', (j: Record<string, unknown>) => void delete j.root, /root/],
  ['a value that is no number', (j: Record<string, unknown>) => void (j.outside = ['abc', '1']), /outside/],
  ['a non-canonical value', (j: Record<string, unknown>) => void (j.outside = ['18446744069414584321', '1']), /outside/],
  ['reordered fields', (j: Record<string, unknown>) => void (delete j.format, (j.format = 'proofmark-commitment')), /canonical/],
])('a commitment with %s is refused with a reason', (_, change, reason) => {
  const broken = edit(change)
  expect(() => decodeCommitment(broken)).toThrow(Rejection)
  expect(() => decodeCommitment(broken)).toThrow(reason)
})

test('no bytes make the verifier throw', () => {
  const mutate = (bytes: Uint8Array) =>
    fc
      .array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
      .map(edits => {
        const out = bytes.slice()
        for (const [at, value] of edits) out[at] = value
        return out
      })
  const hostile = (bytes: Uint8Array) =>
    fc.oneof(fc.uint8Array({ maxLength: 300 }), mutate(bytes), fc.nat(bytes.length).map(n => bytes.slice(0, n)))
  fc.assert(
    fc.property(hostile(proof), hostile(commitment), (a, b) => {
      const verdict = verify(a, b)
      expect(verdict.ok).toBe(false)
      if (!verdict.ok) expect(verdict.reason.length).toBeGreaterThan(0)
    }),
    { numRuns: 300 },
  )
})
