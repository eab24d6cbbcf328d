import { describe, expect, it } from 'vitest'
import { adamDefaults, adamStep, firstMoment, initialMoments, next, secondMoment, stepFeeds } from './adam.ts'
import * as G from './graph.ts'
import { evaluate } from './session.ts'

/** Loss `c . w` for a parameter `[1, 2]` under decay and a gain `[2]` without, whose gradients are `c`. */
function problem(c: readonly number[]) {
  const params = new Map([
    ['w', G.input('w', [1, 2])],
    ['gain', G.input('gain', [2])],
  ])
  const all = G.concat([G.reshape(params.get('w')!, [2]), params.get('gain')!], 0)
  const loss = G.sum(G.mul(all, G.constant(Float32Array.from(c), [4])), [0])
  return { params, loss }
}
const shapes = new Map([
  ['w', [1, 2]],
  ['gain', [2]],
])
const start = { w: Float32Array.of(1, -1), gain: Float32Array.of(1, 1) }

describe('AdamW', () => {
  it('moves each entry by the rate at the first step, whatever its gradient', async () => {
    const { params, loss } = problem([0.3, -0.1, 0.01, -0.02])
    const outputs = adamStep(loss, params, { ...adamDefaults, weightDecay: 0 })
    const out = await evaluate(outputs, { ...start, ...initialMoments(shapes), ...stepFeeds(1, 0.1) })
    for (const [i, v] of [0.9, -0.9].entries()) expect(out[next('w')]![i]).toBeCloseTo(v, 5)
    for (const [i, v] of [0.9, 1.1].entries()) expect(out[next('gain')]![i]).toBeCloseTo(v, 5)
  })
  it('decays matrices and not vectors', async () => {
    const { params, loss } = problem([0, 0, 0, 0])
    const outputs = adamStep(loss, params, { ...adamDefaults, weightDecay: 0.5 })
    const out = await evaluate(outputs, { ...start, ...initialMoments(shapes), ...stepFeeds(1, 0.1) })
    expect(out[next('w')]![0]).toBeCloseTo(0.95, 6)
    expect(out[next('gain')]![0]).toBe(1)
  })
  it('scales gradients down to the clipping norm', async () => {
    // Norm 5, so the moments see a fifth.
    const { params, loss } = problem([3, 0, 4, 0])
    const out = await evaluate(adamStep(loss, params), {
      ...start,
      ...initialMoments(shapes),
      ...stepFeeds(1, 0.1),
    })
    expect(out[next(firstMoment('w'))]![0]).toBeCloseTo(0.1 * 0.6, 6)
    expect(out[next(secondMoment('gain'))]![0]).toBeCloseTo(0.05 * 0.64, 6)
  })
  it('follows the published recursion over several steps', async () => {
    const w = G.input('w', [])
    const outputs = adamStep(G.mul(G.mul(w, w), 0.1), new Map([['w', w]]))
    let feeds: Record<string, Float32Array> = {
      w: Float32Array.of(1),
      ...initialMoments(new Map([['w', []]])),
    }
    let [x, m, v] = [1, 0, 0]
    for (let step = 1; step <= 5; step++) {
      const out = await evaluate(outputs, { ...feeds, ...stepFeeds(step, 0.1) })
      feeds = Object.fromEntries(['w', firstMoment('w'), secondMoment('w')].map(n => [n, out[next(n)]!]))
      const g = 0.2 * x
      m = 0.9 * m + 0.1 * g
      v = 0.95 * v + 0.05 * g * g
      x -= (0.1 * (m / (1 - 0.9 ** step))) / (Math.sqrt(v / (1 - 0.95 ** step)) + 1e-8)
      expect(feeds.w![0]).toBeCloseTo(x, 5)
    }
  })
})
