import { describe, expect, it } from 'vitest'
import { type GradientCase, gradientError } from './finite-difference.ts'
import * as G from './graph.ts'
import * as L from './layers.ts'
import type { OpKind } from './op.ts'
import { gradients } from './reverse.ts'
import { evaluate } from './session.ts'

const unary = (build: GradientCase['build'], domain?: GradientCase['domain']): GradientCase => ({
  shapes: [[2, 3]],
  build,
  domain,
})
const index = (...values: number[]) => G.constant(Int32Array.from(values), [values.length])

/** At least one case per operator: a missing one does not compile. */
const cases: { [K in OpKind]: readonly GradientCase[] } = {
  input: [unary(x => x)],
  const: [unary(x => G.mul(x, G.constant(Float32Array.of(2, -1, 3), [3])))],
  neg: [unary(G.neg)],
  abs: [unary(G.abs, 'awayFromZero')],
  exp: [unary(G.exp)],
  log: [unary(G.log, 'positive')],
  sqrt: [unary(G.sqrt, 'positive')],
  reciprocal: [unary(G.reciprocal, 'positive')],
  tanh: [unary(G.tanh)],
  sigmoid: [unary(G.sigmoid)],
  erf: [unary(G.erf)],
  relu: [unary(G.relu, 'awayFromZero')],
  sign: [unary(G.sign, 'awayFromZero')],
  add: [
    { shapes: [[2, 3], [3]], build: G.add },
    {
      shapes: [
        [1, 2],
        [3, 1],
      ],
      build: G.add,
    },
  ],
  sub: [{ shapes: [[3], [2, 3]], build: G.sub }],
  mul: [
    {
      shapes: [
        [2, 1, 2],
        [3, 1],
      ],
      build: G.mul,
    },
    unary(x => G.mul(x, x)),
  ],
  div: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: G.div,
      domain: 'positive',
    },
  ],
  softmax: [unary(G.softmax)],
  logSoftmax: [unary(G.logSoftmax)],
  matmul: [
    {
      shapes: [
        [2, 3],
        [3, 4],
      ],
      build: (a, b) => G.matmul(a, b),
    },
    {
      shapes: [
        [3, 2],
        [3, 4],
      ],
      build: (a, b) => G.matmul(a, b, true, false),
    },
    {
      shapes: [
        [2, 3],
        [4, 3],
      ],
      build: (a, b) => G.matmul(a, b, false, true),
    },
    {
      shapes: [
        [3, 2],
        [4, 3],
      ],
      build: (a, b) => G.matmul(a, b, true, true),
    },
    {
      shapes: [
        [2, 1, 2, 3],
        [2, 4, 3],
      ],
      build: (a, b) => G.matmul(a, b, false, true),
    },
    {
      shapes: [
        [2, 3, 2],
        [2, 3, 2],
      ],
      build: (a, b) => G.matmul(a, b, true, false),
    },
    {
      shapes: [
        [2, 3, 2],
        [2, 3],
      ],
      build: (a, b) => G.matmul(a, b, true, true),
    },
  ],
  sum: [unary(x => G.sum(x, [0])), unary(x => G.sum(x, [0, -1]))],
  mean: [unary(x => G.mean(x, [1]))],
  reshape: [unary(x => G.reshape(x, [3, -1]))],
  broadcast: [{ shapes: [[2, 1]], build: x => G.broadcast(x, [3, 2, 2]) }],
  transpose: [{ shapes: [[2, 3, 4]], build: x => G.transpose(x, [1, 2, 0]) }],
  slice: [unary(x => G.slice(x, 1, 1, 2))],
  pad: [unary(x => G.pad(x, 0, 1, 2))],
  concat: [
    {
      shapes: [
        [2, 1],
        [2, 3],
      ],
      build: (a, b) => G.concat([a, b, a], 1),
    },
  ],
  flip: [unary(x => G.flip(x, 1))],
  permuteRows: [{ shapes: [[2, 3, 2]], build: x => G.permuteRows(x, Int32Array.of(2, 0, 1)) }],
  normalize: [unary(x => G.normalize(x, 1e-1))],
  conv: [
    {
      shapes: [[2, 2, 3, 4], [3, 2, 3, 3], [3]],
      build: (x, w, b) => G.conv(x, w, 1, b),
    },
    {
      shapes: [
        [1, 2, 3, 3],
        [2, 2, 2, 2],
      ],
      build: (x, w) => G.conv(x, w, 0),
    },
  ],
  correlate: [
    {
      shapes: [
        [2, 2, 3, 4],
        [2, 3, 3, 4],
      ],
      build: (x, maps) => G.correlate(x, maps, 1),
    },
  ],
  gather: [{ shapes: [[4, 2]], build: t => G.gather(t, index(1, 3, 1)) }],
  scatterAdd: [{ shapes: [[3, 2]], build: v => G.scatterAdd(v, index(1, 3, 1), 4) }],
  oneHot: [unary(x => G.mul(x, G.oneHot(index(2, 0), 3)))],
}

describe('gradients agree with finite differences', () => {
  for (const [kind, list] of Object.entries(cases)) {
    it(kind, async () => {
      for (const c of list) expect(await gradientError(c)).toBeLessThan(2e-4)
    })
  }
  const attention: GradientCase = {
    shapes: [
      [1, 4, 3, 2],
      [1, 2, 3, 2],
      [1, 2, 3, 2],
    ],
    build: (q, k, v) => L.causalAttention(q, k, v, L.causalMask(3)),
  }
  const composed: Record<string, GradientCase> = {
    rmsNorm: { shapes: [[2, 3], [3]], build: (x, g) => L.rmsNorm(x, g, 1e-5) },
    layerNorm: { shapes: [[2, 3], [3], [3]], build: (x, g, b) => L.layerNorm(x, g, b, 1e-5) },
    silu: unary(L.silu),
    gelu: unary(L.gelu),
    geluTanh: unary(L.geluTanh),
    attention,
    crossEntropy: { shapes: [[3, 4]], build: x => L.crossEntropy(x, index(0, 3, 1)) },
  }
  for (const [name, c] of Object.entries(composed)) {
    it(name, async () => expect(await gradientError(c)).toBeLessThan(5e-4))
  }
})

describe('gradients', () => {
  it('adds up over every use of a node', async () => {
    const x = G.input('x', [])
    // d (x^2 + 3x) = 2x + 3
    const [g] = gradients(G.add(G.mul(x, x), G.mul(x, 3)), [x])
    expect((await evaluate({ g: g! }, { x: Float32Array.of(5) })).g[0]).toBe(13)
  })
  it('is zero for a node the loss does not use', async () => {
    const [g] = gradients(G.scalar(1), [G.input('x', [2])])
    expect([...(await evaluate({ g: g! })).g]).toEqual([0, 0])
  })
  it('refuses a loss with several entries', () => {
    const x = G.input('x', [2])
    expect(() => gradients(x, [x])).toThrow(/loss: expected one entry/)
  })
})
