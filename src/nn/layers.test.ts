import { describe, expect, it } from 'vitest'
import { constant, type Node } from './graph.ts'
import * as L from './layers.ts'
import { agreement, argmax, meanSurprise, perplexity } from './metrics.ts'
import { evaluate } from './session.ts'

const f = (values: number[], shape: number[] = [values.length]) => constant(Float32Array.from(values), shape)
const value = async (node: Node): Promise<number[]> => [...(await evaluate({ y: node })).y]

async function expectClose(node: Node, want: number[], digits = 5): Promise<void> {
  const got = await value(node)
  expect(got.length).toBe(want.length)
  for (const [i, v] of want.entries()) expect(got[i]).toBeCloseTo(v, digits)
}

describe('layers', () => {
  it('linear and conv1d take the two layouts of a matrix', async () => {
    const x = f([1, 2], [1, 1, 2])
    await expectClose(L.linear(x, f([1, 2, 3, 4], [2, 2]), f([10, 20])), [15, 31])
    await expectClose(L.conv1d(x, f([1, 2, 3, 4], [2, 2]), f([10, 20])), [17, 30])
  })
  it('rmsNorm divides by the root of the mean square', async () => {
    // mean square of (1, 7) is 25
    await expectClose(L.rmsNorm(f([1, 7]), f([5, 10]), 0), [1, 14])
    // eps 11 makes the root 6
    await expectClose(L.rmsNorm(f([1, 7]), f([6, 6]), 11), [1, 7])
  })
  it('layerNorm centres, scales by the biased deviation, then applies gain and bias', async () => {
    await expectClose(L.layerNorm(f([1, 3]), f([2, 2]), f([0, 1]), 0), [-2, 3])
  })
  it('activations', async () => {
    // Phi(1) = 0.8413447461, Phi(-2) = 0.0227501319
    await expectClose(L.gelu(f([1, -2, 0])), [0.8413447, -0.0455003, 0], 6)
    // tanh(sqrt(2/pi) 1.044715) = 0.682383981
    await expectClose(L.geluTanh(f([1, 0])), [0.841192, 0], 6)
    await expectClose(L.silu(f([Math.log(3), 0])), [0.75 * Math.log(3), 0], 6)
  })
  it('attention sees the past alone, and query heads share key heads in order', async () => {
    // Zero queries: equal weights over the past. Two query heads per key head.
    const q = f(new Array(4 * 3).fill(0), [1, 4, 3, 1])
    const k = f([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])
    const v = f([3, 5, 7, 30, 50, 70], [1, 2, 3, 1])
    await expectClose(
      L.causalAttention(q, k, v, L.causalMask(q.shape[2]!)),
      [3, 3, 30, 30, 4, 4, 40, 40, 5, 5, 50, 50],
    )
  })
  it('attention divides scores by the root of the width', async () => {
    const q = f([0, 0, 0, 0, 2, 0, 0, 0], [1, 1, 2, 4])
    const k = f([Math.log(3), 0, 0, 0, 0, 0, 0, 0], [1, 1, 2, 4])
    const v = f([4, 0, 0, 0, 8, 0, 0, 0], [1, 1, 2, 4])
    // Row 1: scores ln 3 and 0, weights 3/4 and 1/4.
    await expectClose(L.causalAttention(q, k, v, L.causalMask(q.shape[2]!)), [4, 0, 0, 0, 5, 0, 0, 0])
  })
  it('crossEntropy is the mean surprise', async () => {
    const logits = f([0, Math.log(3), 0, 0], [2, 2])
    await expectClose(L.crossEntropy(logits, constant(Int32Array.of(1, 0), [2])), [
      (Math.log(4 / 3) + Math.log(2)) / 2,
    ])
  })
})

describe('metrics', () => {
  it('argmax takes the first of equals', () => expect(argmax([1, 3, 3])).toBe(1))
  it('perplexity of a uniform guess is the vocabulary', () => {
    expect(perplexity([0, 0, 0, 0, 5, 5, 5, 5], [1, 3])).toBeCloseTo(4)
  })
  it('row i scores token i + 1; the last row scores nothing', () => {
    expect(meanSurprise([0, Math.log(3), 99, 0], [0, 1])).toBeCloseTo(Math.log(4 / 3))
    expect(meanSurprise([1000, 0, 0, 0], [0, 1])).toBeCloseTo(1000)
  })
  it('agreement counts equal choices and measures the rest', () => {
    const a = agreement([0, Math.log(3), 1, 0], [0, 0, 1, 0], 2)
    expect(a.nextToken).toBe(0.5)
    expect(a.maxDifference).toBeCloseTo(Math.log(3))
    // One position: 1/4 ln(1/2) + 3/4 ln(3/2)
    expect(a.divergence).toBeCloseTo((Math.log(1 / 2) + 3 * Math.log(3 / 2)) / 8)
  })
  it('refuses shapes that do not fit', () => {
    expect(() => perplexity([1, 2, 3], [0, 1])).toThrow(/multiple of 2/)
    expect(() => perplexity([1, 2], [0])).toThrow(/two or more/)
    expect(() => agreement([1], [1, 2], 1)).toThrow(/1 entries/)
  })
})
