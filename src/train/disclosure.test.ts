import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { proveChain } from './testing.ts'
import type { ProvenWindow } from './prove.ts'

const backend = loadBackend()
const WORD = 8
/** Small by design. */
const NONCES = /pow$/
/** What the stored commitments' own columns and paths show is theirs, whatever the proof. */
const REPEATED = /^opening\/(weights|next|data)\/|pow$/

/** All 8-byte words of a proof's parts but for those under some tags. */
const words = ({ file, fields }: ProvenWindow, but: RegExp): string[] => {
  const last = fields.at(-1)
  const body = file.subarray(file.length - (last ? last.offset + last.length : 0))
  return fields
    .filter(f => !but.test(f.tag))
    .flatMap(({ offset, length }) =>
      Array.from({ length: Math.floor(length / WORD) }, (_, i) =>
        Buffer.from(body.subarray(offset + WORD * i, offset + WORD * (i + 1))).toString('hex'),
      ),
    )
}

test('two proofs of one window share no words, and show no weight, pixel or label', async () => {
  const [one, two] = await Promise.all([9, 10].map(n => proveChain(backend, 'mlp', { steps: 1 }, 1, n)))
  if (!one || !two) throw new RangeError('no runs')
  expect(one.commitments).toEqual(two.commitments)
  const [first, second] = [one, two].map(run => words(run.windows[0] as ProvenWindow, REPEATED)) as [
    string[],
    string[],
  ]
  const known = new Set(first)
  expect(known.size).toBeGreaterThan(1000)
  expect(second.filter(w => known.has(w))).toEqual([])
  // A uniform word is below 2^40 with probability 2^-24; everything that was committed is.
  const small = [one, two]
    .flatMap(run => words(run.windows[0] as ProvenWindow, NONCES))
    .filter(w => Buffer.from(w, 'hex').readBigUInt64LE() < 1n << 40n)
  expect(small).toEqual([])
})
