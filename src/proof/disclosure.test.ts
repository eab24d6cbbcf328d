import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import type { ProveOutput } from './prove-core.ts'
import { seededRandom } from './testing.ts'
import { soundTiny } from './tiny.ts'

/** All 8-byte words of a proof under tags that must not repeat between proofs. */
const words = ({ proof, fields }: ProveOutput): Set<string> => {
  // The weights' tree and columns are the commitment's own; nonces are small by design.
  const fresh = fields.filter(f => !/^opening\/weights\/|pow$/.test(f.tag))
  const out = new Set<string>()
  for (const { offset, length } of fresh) {
    for (let at = 0; at + 8 <= length; at += 8) out.add(Buffer.from(proof.subarray(offset + at, offset + at + 8)).toString('hex'))
  }
  return out
}

test('two proofs of one statement with one witness share no words', async () => {
  const random = seededRandom(21)
  const tiny = soundTiny(loadBackend(), random)
  const [one, two] = [await tiny.prove(random), await tiny.prove(random)]
  expect(one.fields.map(f => f.tag).filter(t => !t.endsWith('path'))).toEqual(two.fields.map(f => f.tag).filter(t => !t.endsWith('path')))
  const first = words(one)
  expect(first.size).toBeGreaterThan(1000)
  expect([...words(two)].filter(w => first.has(w))).toEqual([])
})

test('no word repeats within a proof: no pad or mask serves twice', async () => {
  const random = seededRandom(22)
  const tiny = soundTiny(loadBackend(), random)
  const { proof, fields } = await tiny.prove(random)
  const seen = new Set<string>()
  for (const { tag, offset, length } of fields) {
    if (/^opening\/(weights|witness)\/|pow$/.test(tag)) continue
    for (let at = 0; at + 8 <= length; at += 8) {
      const word = Buffer.from(proof.subarray(offset + at, offset + at + 8)).toString('hex')
      expect(seen.has(word), `${tag} at ${offset + at}`).toBe(false)
      seen.add(word)
    }
  }
})
