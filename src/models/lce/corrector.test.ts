import { describe, expect, it } from 'vitest'
import type { Image } from '../../image/image.ts'
import { input } from '../../nn/graph.ts'
import { seeded } from '../../nn/random.ts'
import { evaluate } from '../../nn/session.ts'
import { type LceConfig, method } from './config.ts'
import { filtered } from './corrector.ts'
import { openLce } from './model.ts'
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
