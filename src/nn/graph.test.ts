import { describe, expect, it } from 'vitest'
import * as G from './graph.ts'
import { evaluate, openSession } from './session.ts'

const f = (values: number[], shape: number[] = [values.length]) =>
  G.constant(Float32Array.from(values), shape)
const ints = (values: number[], shape: number[] = [values.length]) =>
  G.constant(Int32Array.from(values), shape)
const m = f([1, 2, 3, 4, 5, 6], [2, 3])

/** Each with its value worked out by hand. */
const vectors: [string, G.Node, number[], number[]][] = [
  ['add broadcasts', G.add(m, f([10, 20, 30])), [2, 3], [11, 22, 33, 14, 25, 36]],
  ['sub with a number', G.sub(1, f([3, 4])), [2], [-2, -3]],
  ['mul broadcasts both', G.mul(f([1, 2], [2, 1]), f([3, 4])), [2, 2], [3, 4, 6, 8]],
  ['div', G.div(f([1, 6]), f([4, 3])), [2], [0.25, 2]],
  ['neg', G.neg(f([1, -2])), [2], [-1, 2]],
  ['abs', G.abs(f([1, -2])), [2], [1, 2]],
  ['exp', G.exp(f([0, Math.LN2])), [2], [1, 2]],
  ['log', G.log(f([1, Math.E])), [2], [0, 1]],
  ['sqrt', G.sqrt(f([4, 9])), [2], [2, 3]],
  ['reciprocal', G.reciprocal(f([4, -0.5])), [2], [0.25, -2]],
  ['tanh', G.tanh(f([0, Math.log(3) / 2])), [2], [0, 0.5]],
  ['sigmoid', G.sigmoid(f([0, Math.log(3)])), [2], [0.5, 0.75]],
  // Abramowitz and Stegun, table 7.1
  ['erf', G.erf(f([0.5, -1])), [2], [0.5204998778, -0.8427007929]],
  ['relu', G.relu(f([-1, 2])), [2], [0, 2]],
  ['sign', G.sign(f([-3, 0, 2])), [3], [-1, 0, 1]],
  ['softmax', G.softmax(f([0, Math.log(3)])), [2], [0.25, 0.75]],
  ['logSoftmax', G.logSoftmax(f([0, Math.log(3)])), [2], [-Math.log(4), Math.log(0.75)]],
  ['matmul', G.matmul(m, f([1, 0, 0, 1, 1, 1], [3, 2])), [2, 2], [4, 5, 10, 11]],
  ['matmul, left transposed', G.matmul(f([1, 2, 3, 4], [2, 2]), f([1, 1], [2, 1]), true), [2, 1], [4, 6]],
  [
    'matmul, right transposed',
    G.matmul(f([1, 2], [1, 2]), f([3, 4, 5, 6], [2, 2]), false, true),
    [1, 2],
    [11, 17],
  ],
  ['batched matmul', G.matmul(f([1, 2], [2, 1, 1]), f([3, 4], [1, 2])), [2, 1, 2], [3, 4, 6, 8]],
  ['batched, transposed', G.matmul(f([1, 2, 3, 4], [2, 2, 1]), f([5, 6], [2, 1]), true), [2, 1, 1], [17, 39]],
  ['sum', G.sum(m, [-1]), [2, 1], [6, 15]],
  ['mean', G.mean(m, [0]), [1, 3], [2.5, 3.5, 4.5]],
  ['reshape', G.reshape(m, [-1, 2]), [3, 2], [1, 2, 3, 4, 5, 6]],
  ['broadcast', G.broadcast(f([1, 2], [2, 1]), [2, 2]), [2, 2], [1, 1, 2, 2]],
  ['transpose', G.transpose(m, [1, 0]), [3, 2], [1, 4, 2, 5, 3, 6]],
  ['slice', G.slice(m, 1, 1, 3), [2, 2], [2, 3, 5, 6]],
  ['pad', G.pad(f([1, 2], [1, 2]), 0, 1, 0), [2, 2], [0, 0, 1, 2]],
  ['concat', G.concat([f([1]), f([2, 3])], 0), [3], [1, 2, 3]],
  ['flip', G.flip(m, 1), [2, 3], [3, 2, 1, 6, 5, 4]],
  [
    'permuteRows',
    G.permuteRows(f([1, 2, 3, 4, 5, 6], [3, 2]), Int32Array.of(2, 0, 1)),
    [3, 2],
    [5, 6, 1, 2, 3, 4],
  ],
  // Deviations -1, 0, 1 over sqrt(2/3 + 1/3).
  ['normalize', G.normalize(m, 1 / 3), [2, 3], [-1, 0, 1, -1, 0, 1]],
  // [1 2; 3 4] with the kernel 1 at its centre, 10 right of it, 100 below it.
  [
    'conv',
    G.conv(f([1, 2, 3, 4], [1, 1, 2, 2]), f([0, 0, 0, 0, 1, 10, 0, 100, 0], [1, 1, 3, 3]), 1, f([1000])),
    [1, 1, 2, 2],
    [1321, 1402, 1043, 1004],
  ],
  // Entry [i, j] adds image * map with the image moved i - 1 up and j - 1 left.
  [
    'correlate',
    G.correlate(f([1, 2, 3, 4], [1, 1, 2, 2]), f([1, 10, 100, 1000], [1, 1, 2, 2]), 1),
    [1, 1, 3, 3],
    [1000, 2100, 200, 3010, 4321, 402, 30, 43, 4],
  ],
  ['gather', G.gather(m, ints([1, 0, 1])), [3, 3], [4, 5, 6, 1, 2, 3, 4, 5, 6]],
  ['scatterAdd', G.scatterAdd(m, ints([2, 2]), 3), [3, 3], [0, 0, 0, 0, 0, 0, 5, 7, 9]],
  ['oneHot', G.oneHot(ints([2, 0]), 3), [2, 3], [0, 0, 1, 1, 0, 0]],
]

describe('operators', () => {
  for (const [name, node, shape, values] of vectors) {
    it(name, async () => {
      expect(node.shape).toEqual(shape)
      const { y } = await evaluate({ y: node })
      expect(y.length).toBe(values.length)
      for (const [i, v] of values.entries()) expect(y[i]).toBeCloseTo(v, 6)
    })
  }
  it('accumulates every repeat of an index, in a long list too', async () => {
    const index = G.constant(
      Int32Array.from({ length: 4096 }, (_, i) => i % 3),
      [4096],
    )
    const { y } = await evaluate({ y: G.scatterAdd(f(new Array(4096 * 16).fill(1), [4096, 16]), index, 3) })
    expect([y[0], y[16], y[47]]).toEqual([1366, 1365, 1365])
  })
})

describe('shapes are checked while building', () => {
  const bad: [string, () => unknown, RegExp][] = [
    ['broadcast', () => G.add(f([1, 2]), f([1, 2, 3])), /to broadcast/],
    ['inner extent', () => G.matmul(m, m), /inner extent 3/],
    ['reshape', () => G.reshape(m, [4, -1]), /reshape/],
    ['slice', () => G.slice(m, 1, 2, 4), /within 0..3/],
    ['axis', () => G.sum(m, [2]), /axis/],
    ['permutation', () => G.transpose(m, [0, 0]), /permutation/],
    ['concat', () => G.concat([m, f([1, 2], [1, 2])], 0), /parts like/],
    ['index type', () => G.gather(m, f([1])), /i32/],
    ['row order', () => G.permuteRows(m, Int32Array.of(0, 0)), /permutation of 2 rows/],
    ['kernel channels', () => G.conv(f([1], [1, 1, 1, 1]), f([1, 2], [1, 2, 1, 1]), 0), /conv/],
    ['kernel extent', () => G.conv(f([1], [1, 1, 1, 1]), f([1, 2, 3, 4], [1, 1, 2, 2]), 0), /conv/],
    ['constant', () => f([1, 2], [3]), /3 entries/],
  ]
  for (const [name, build, message] of bad) it(name, () => expect(build).toThrow(message))
})

describe('session', () => {
  it('names a missing or misshapen feed', async () => {
    const session = await openSession({ y: G.neg(G.input('x', [2])) })
    await expect(session.run({})).rejects.toThrow(/x: expected 2 f32 entries, got nothing/)
    await expect(session.run({ x: Float32Array.of(1) })).rejects.toThrow(/got 1 Float32Array/)
    await expect(session.run({ x: Int32Array.of(1, 2) })).rejects.toThrow(/got 2 Int32Array/)
    expect([...(await session.run({ x: Float32Array.of(1, 2) })).y]).toEqual([-1, -2])
    await session.release()
  })
})
