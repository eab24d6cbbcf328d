import { describe, expect, it } from 'vitest'
import { cut, type Image } from '../../image/image.ts'
import { input } from '../../nn/graph.ts'
import { seeded } from '../../nn/random.ts'
import { evaluate } from '../../nn/session.ts'
import { type LceConfig, method } from './config.ts'
import { filtered, wholeEvidence } from './corrector.ts'
import { judgeBlur, openLce, openWitness } from './model.ts'
import { lceGraph } from './network.ts'

const tiny: LceConfig = { ...method, size: 'tiny', scale: 4 }
const tensors = lceGraph(tiny, 8, 8).parameters.draw(1)
const noise = (n: number, seed = 1): Float32Array => Float32Array.from({ length: n }, seeded(seed))

describe('the filter bank', () => {
  it('leaves a flat image alone up to its edges', async () => {
    const x = input('x', [1, 3, 2, 9])
    const y = filtered(x, 4)
    expect(y.shape).toEqual([1, 27, 2, 9])
    for (const v of (await evaluate({ y }, { x: new Float32Array(54).fill(0.5) })).y)
      expect(v).toBeCloseTo(0.5, 4)
  })
})

describe('the Corrector', () => {
  const side = 16
  const x: Image = { width: side, height: side, channels: 3, data: noise(3 * side * side) }
  const clrOf = async (x: Image) => {
    const session = await openLce({ config: tiny, tensors }, side, side)
    const { clr } = await session.run(x)
    await session.release()
    return clr
  }
  it('begins as a mean of what the filters make', async () => {
    const { bank } = await evaluate({ bank: filtered(input('x', [1, 3, side, side]), 4) }, { x: x.data })
    const clr = await clrOf(x)
    const area = side * side
    const outside = clr.data.filter((v, i) => {
      const [channel, pixel] = [Math.floor(i / area), i % area]
      const known = [x.data[i]!]
      for (let k = 0; k < 9; k++) known.push(bank[(channel * 9 + k) * area + pixel]!)
      return v < Math.min(...known) - 0.1 || v > Math.max(...known) + 0.1
    })
    expect(outside.length / clr.data.length).toBeLessThan(0.05)
  })
  it('judges the blur from all of the image', async () => {
    const other = { ...x, data: x.data.slice() }
    // A corner, out of reach of the convolutions from the opposite one.
    for (let i = 0; i < 3; i++) other.data[i] = 1 - other.data[i]!
    const [a, b] = [await clrOf(x), await clrOf(other)]
    expect(b.data.at(-1)).not.toBe(a.data.at(-1))
  })
  it('does not depend on the order of images in a batch', async () => {
    const two = lceGraph(tiny, 8, 8, 2)
    const weights = Object.fromEntries([...tensors].map(([name, t]) => [name, t.data]))
    const [a, b] = [noise(192, 1), noise(192, 2)]
    const both = await evaluate({ blur: two.blur! }, { ...weights, lr: Float32Array.of(...a, ...b) })
    const swapped = await evaluate({ blur: two.blur! }, { ...weights, lr: Float32Array.of(...b, ...a) })
    for (let k = 0; k < 10; k++) expect(swapped.blur[10 + k]).toBeCloseTo(both.blur[k]!, 5)
  })
})

describe('the blur of an image in tiles', () => {
  const weights = { config: tiny, tensors }
  const x: Image = { width: 16, height: 32, channels: 3, data: noise(3 * 16 * 32) }
  const evidenceOf = async (...images: Image[]) => {
    const witness = await openWitness(weights, images[0]!.height, images[0]!.width)
    const seen = []
    for (const image of images) seen.push(await witness.look(image))
    await witness.release()
    return seen
  }
  it('is judged from one tile as the network judges it by itself', async () => {
    const { blur } = lceGraph(tiny, 32, 16)
    const feeds = Object.fromEntries([...tensors].map(([name, t]) => [name, t.data]))
    const own = await evaluate({ blur: blur! }, { ...feeds, lr: x.data })
    const judged = await judgeBlur(weights, await evidenceOf(x))
    for (const [k, logit] of own.blur.entries()) expect(judged[k]).toBeCloseTo(logit, 4)
    const sessions = [await openLce(weights, 32, 16), await openLce(weights, 32, 16, 1, judged)]
    const [a, b] = await Promise.all(sessions.map(s => s.run(x)))
    for (const [i, v] of a!.sr.data.entries()) expect(b!.sr.data[i]).toBeCloseTo(v, 4)
    await Promise.all(sessions.map(s => s.release()))
  })
  it('is judged from two tiles as from both together', async () => {
    const flat: Image = { ...x, data: new Float32Array(x.data.length).fill(0.4) }
    const [a, b] = await evidenceOf(x, flat)
    const both = wholeEvidence([a!, b!])
    // Halves whose border reaches little into them, as the edges are repeated.
    const tall = { ...cut(x, { left: 0, top: 0, width: 16, height: 64 }) }
    for (let c = 0; c < 3; c++) for (let i = 0; i < 16 * 32; i++) tall.data[(2 * c + 1) * 16 * 32 + i] = 0.4
    const [whole] = await evidenceOf(tall)
    for (const key of ['powers', 'picked'] as const)
      for (const [i, v] of whole![key].entries()) {
        const apart = Math.abs(both[key][i]! - v) / (Math.abs(v) + 0.05)
        expect(apart).toBeLessThan(0.25)
      }
  })
  it('weighs the features of a tile by how far it is trusted', () => {
    const tile = (value: number, trust: number) => ({
      powers: Float32Array.of(value),
      picked: Float32Array.of(value),
      trust: Float32Array.of(trust),
    })
    // Trusts of 1 and 3, then the same times e^1000, which is beyond any float.
    for (const log of [0, 1000]) {
      const { powers, picked, trust } = wholeEvidence([tile(2, log), tile(6, log + Math.log(3))])
      expect(powers[0]).toBe(4)
      expect(picked[0]).toBeCloseTo(5, 3)
      expect(trust[0]).toBeCloseTo(log + Math.log(4), 3)
    }
  })
  it('stays finite where trust is beyond any float', async () => {
    const name = 'corrector.blur.trust.weight'
    const huge = { ...tensors.get(name)!, data: tensors.get(name)!.data.map(v => 1e5 * v) }
    const certain = { config: tiny, tensors: new Map([...tensors, [name, huge]]) }
    const witness = await openWitness(certain, 32, 16)
    const seen = await witness.look(x)
    await witness.release()
    expect(Math.abs(seen.trust[0]!)).toBeGreaterThan(100)
    for (const logit of await judgeBlur(certain, [seen, seen])) expect(logit).toSatisfy(Number.isFinite)
  })
  it('is not asked of a network that judges none', async () => {
    const plain = { ...tiny, corrector: 'none' } as const
    await expect(openWitness({ config: plain, tensors }, 16, 16)).rejects.toThrow(
      'weights: expected a network with a Corrector of its own',
    )
  })
})
