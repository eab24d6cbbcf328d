import { afterEach, expect, test, vi } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import type { K } from '../field/goldilocks.ts'
import { Transcript } from '../transcript/transcript.ts'
import { makeFixture } from './fixture.ts'
import { verdict } from './malicious.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Folds a run of equal pairs of lines, as the rounds of a sumcheck make, into one. */
const foldPairs = (lines: readonly string[]): string[] => {
  const out: string[] = []
  for (let i = 0; i < lines.length; ) {
    let pairs = 1
    while (lines[i + 2 * pairs] === lines[i] && lines[i + 2 * pairs + 1] === lines[i + 1]) pairs++
    if (pairs > 1 && i + 1 < lines.length) {
      out.push(`${lines[i]}, then ${lines[i + 1]}: ${pairs} times`)
      i += 2 * pairs
    } else out.push(lines[i++] ?? '')
  }
  return out
}

/** What passes through the transcript during `work`, repetitions counted. */
const record = (work: () => void): string => {
  const lines: { text: string; count: number }[] = []
  const note = (text: string): void => {
    const last = lines.at(-1)
    if (last?.text === text) last.count++
    else lines.push({ text, count: 1 })
  }
  const { absorbBytes, absorbK, challenges, indices, powSeed, absorbPow } = Transcript.prototype
  const spies = [
    vi.spyOn(Transcript.prototype, 'absorbBytes').mockImplementation(function (this: Transcript, tag: string, bytes: Uint8Array) {
      note(`absorb ${tag}: bytes`)
      absorbBytes.call(this, tag, bytes)
    }),
    vi.spyOn(Transcript.prototype, 'absorbK').mockImplementation(function (this: Transcript, tag: string, ...values: readonly K[]) {
      note(`absorb ${tag}: ${values.length} of K`)
      absorbK.call(this, tag, ...values)
    }),
    vi.spyOn(Transcript.prototype, 'challenges').mockImplementation(function (this: Transcript, tag: string, count: number) {
      note(`challenge ${tag}: ${count} of K`)
      return challenges.call(this, tag, count)
    }),
    vi.spyOn(Transcript.prototype, 'indices').mockImplementation(function (this: Transcript, tag: string, count: number, log: number) {
      note(`indices ${tag}: ${count} below 2^${log}`)
      return indices.call(this, tag, count, log)
    }),
    vi.spyOn(Transcript.prototype, 'powSeed').mockImplementation(function (this: Transcript, tag: string) {
      note(`proof of work ${tag}`)
      return powSeed.call(this, tag)
    }),
    vi.spyOn(Transcript.prototype, 'absorbPow').mockImplementation(function (this: Transcript, tag: string, nonce: bigint) {
      note(`absorb ${tag}: nonce`)
      absorbPow.call(this, tag, nonce)
    }),
  ]
  work()
  for (const spy of spies) spy.mockRestore()
  return `${foldPairs(lines.map(l => (l.count > 1 ? `${l.text} x ${l.count}` : l.text))).join('\n')}\n`
}

// A change here is a change of the protocol: say so in spec/transcript.md and raise the protocol's version.
test('the transcript of the fixture', async () => {
  const fixture = makeFixture(loadBackend())
  const { proof, fields } = await fixture.prove(fixture.execute())
  let accepted = false
  const inventory = record(() => {
    accepted = verdict(fixture, proof).ok
  })
  expect(accepted).toBe(true)
  // The number of distinct columns depends on the random indices.
  await expect(inventory.replace(/(\/column: \d+ of K) x \d+/g, '$1 each')).toMatchFileSnapshot('fixtures/transcript.txt')
  // Every field that is sent is absorbed, but for Merkle paths, which their root binds.
  for (const tag of new Set(fields.map(f => f.tag))) {
    if (/path$/.test(tag) || tag === 'masked') continue
    expect(inventory, tag).toContain(`absorb ${tag.replace(/^products\/[ab]$/, 'products')}:`)
  }
})
