import { describe, expect, it } from 'vitest'
import { adamStep, firstMoment, initialMoments, next, stepFeeds } from './adam.ts'
import * as G from './graph.ts'
import { muonStep, orthogonal } from './muon.ts'
import { normal, seeded } from './random.ts'
import { evaluate } from './session.ts'

const random = seeded(1)
const gaussian = (n: number): Float32Array => Float32Array.from({ length: n }, () => normal(random))

describe('orthogonal', () => {
  it.each([
    [6, 9],
    [9, 6],
  ])('draws the singular values of a %i x %i matrix near 1 and leaves its axes', async (rows, columns) => {
    // Axes known: U S V^T with U, V permutations, so that the result is their product but for the sign.
    const rank = Math.min(rows, columns)
    const data = new Float32Array(rows * columns)
    for (let i = 0; i < rank; i++) data[i * columns + ((5 * i + 2) % columns)]! = (i + 1) * (i % 2 ? -1 : 1)
    const used = new Set([...data.keys()].filter(i => data[i] !== 0))
    const { y } = await evaluate({ y: orthogonal(G.constant(data, [1, rows, columns])) })
    for (const [i, v] of y.entries()) {
      if (!used.has(i)) expect(v).toBeCloseTo(0, 5)
      else expect(Math.abs(v * Math.sign(data[i]!) - 0.95)).toBeLessThan(0.27)
    }
  })
  it('treats each matrix of a stack alone, whatever its size', async () => {
    const [a, b] = [gaussian(12), gaussian(12)]
    const stack = Float32Array.of(...a.map(v => 100 * v), ...b)
    const x = G.input('x', [2, 3, 4])
    const { y } = await evaluate({ y: orthogonal(x) }, { x: stack })
    const one = G.input('x', [1, 3, 4])
    const alone = await evaluate({ y: orthogonal(one) }, { x: a })
    for (const [i, v] of alone.y.entries()) expect(y[i]).toBeCloseTo(v, 4)
  })
})

describe('a step of Muon', () => {
  // Two matrices of one shape, the second transposed in storage order, around a vector of two.
  const segments = [
    { start: 0, end: 12, matrix: [3, 4] as const },
    { start: 12, end: 14 },
    { start: 14, end: 26, matrix: [4, 3] as const },
  ]
  const w = G.input('w', [26])
  const slopes = gaussian(26)
  const loss = G.sum(G.mul(w, G.constant(slopes, [26])), [0])
  const adam = adamStep(loss, new Map([['w', w]]))
  const feeds = { w: gaussian(26), ...initialMoments(new Map([['w', [26]]])), ...stepFeeds(1, 0.1) }

  it('moves matrices by their orthogonal momentum and the rest as Adam does', async () => {
    const outputs: Record<string, G.Node> = { muon: muonStep(w, 'w', adam, segments), ...adam }
    const out = await evaluate(outputs, feeds)
    expect(out.muon!.slice(12, 14)).toEqual(out[next('w')]!.slice(12, 14))
    const momentum = out[next(firstMoment('w'))]!
    for (const { start, end, matrix } of segments) {
      if (!matrix) continue
      const m = G.constant(momentum.slice(start, end), [1, ...matrix])
      const { y } = await evaluate({ y: orthogonal(m) })
      for (let i = start; i < end; i++)
        expect(feeds.w![i]! - out.muon![i]!).toBeCloseTo(0.1 * 0.2 * Math.sqrt(4) * y[i - start]!, 5)
    }
  })
})
