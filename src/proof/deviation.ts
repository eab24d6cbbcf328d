/**
 * Provers that send one scalar off by one and carry on honestly from there, with the challenges that follow: every
 * scalar must be bound by some check. Tests only.
 */
import { expect, vi } from 'vitest'
import { type K, K_ONE, kAdd } from '../field/goldilocks.ts'
import { Transcript } from '../transcript/transcript.ts'
import { ProverChannel } from '../zk/channel.ts'
import { verdict } from './malicious.ts'
import type { ProveOutput } from './prove-core.ts'
import type { RandomFill } from './random.ts'
import { ProofWriter } from './stream.ts'
import type { Tiny } from './tiny.ts'

/** The n-th masked scalar off by one. */
const deviateMasked = async (tiny: Tiny, random: RandomFill, n: number): Promise<ProveOutput> => {
  const { send } = ProverChannel.prototype
  let count = 0
  const spy = vi.spyOn(ProverChannel.prototype, 'send').mockImplementation(function (this: ProverChannel, tag: string, value: K) {
    send.call(this, tag, count++ === n ? kAdd(value, K_ONE) : value)
  })
  const out = await tiny.prove(random)
  spy.mockRestore()
  return out
}

/** The n-th scalar sent in the clear under `tag` off by one, in the proof and in the transcript alike. */
const deviateClear = async (tiny: Tiny, random: RandomFill, tag: string, n: number): Promise<ProveOutput> => {
  const { k } = ProofWriter.prototype
  const { absorbK } = Transcript.prototype
  let [written, absorbed] = [0, 0]
  const off = (value: K | undefined, now: boolean): K[] => (value ? [now ? kAdd(value, K_ONE) : value] : [])
  const writer = vi.spyOn(ProofWriter.prototype, 'k').mockImplementation(function (this: ProofWriter, at: string, value: K) {
    k.call(this, at, off(value, at === tag && written++ === n)[0] ?? value)
  })
  const transcript = vi.spyOn(Transcript.prototype, 'absorbK').mockImplementation(function (this: Transcript, at: string, ...values: readonly K[]) {
    if (at === 'products') absorbK.call(this, at, ...off(values[0], tag === 'products/a'), ...off(values[1], tag === 'products/b'))
    else absorbK.call(this, at, ...(at === tag && absorbed++ === n ? off(values[0], true) : values))
  })
  const out = await tiny.prove(random)
  writer.mockRestore()
  transcript.mockRestore()
  return out
}

/** Deviates in every stride-th masked scalar. */
export const expectMaskedBound = async (tiny: Tiny, random: RandomFill, honest: ProveOutput, stride: number): Promise<void> => {
  const count = honest.fields.filter(f => f.tag === 'masked').length
  expect(count).toBeGreaterThan(50)
  for (let n = 0; n < count; n += stride) {
    const { proof } = await deviateMasked(tiny, random, n)
    expect(verdict(tiny, proof), `masked scalar ${n}`).toMatchObject({ ok: false, at: 'opening/claim' })
  }
}

/** Deviates in every stride-th scalar of every tag that is sent in the clear. */
export const expectClearBound = async (tiny: Tiny, random: RandomFill, honest: ProveOutput, stride: number): Promise<void> => {
  const clear = honest.fields.filter(f => f.length === 16 && f.tag !== 'masked').map(f => f.tag)
  const tags = [...new Set(clear)]
  const known = ['products/a', 'opening/mask sum', 'opening/round', 'opening/f', 'opening/s', 'opening/t.a', 'opening/u.b', 'opening/chain 0/outside', 'opening/final']
  expect(tags).toEqual(expect.arrayContaining(known))
  for (const tag of tags) {
    const count = clear.filter(t => t === tag).length
    // The vector at the end is long; its entries are alike.
    for (let n = 0; n < count; n += tag === 'opening/final' ? 31 * stride : stride) {
      const { proof } = await deviateClear(tiny, random, tag, n)
      const at = /chain|final|t\.a|u\.b/.test(tag) ? 'opening/final' : 'opening/claim'
      expect(verdict(tiny, proof), `${tag} ${n}`).toMatchObject({ ok: false, at })
    }
  }
}
