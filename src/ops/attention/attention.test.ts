import { describe, expect, it } from 'vitest'
import { causalMasks } from '../../models/integer/publics.ts'
import { normal, seeded } from '../../nn/random.ts'
import { Bench } from '../testing.ts'
import { attention } from './relation.ts'

const SCALE = 11

interface Sizes {
  readonly tokens: number
  readonly repeats: number
  readonly groups: number
  readonly dim: number
  readonly rotary?: boolean
}

const draw = (length: number, seed: number): number[] => {
  const random = seeded(seed)
  return Array.from({ length }, () => Math.round(normal(random) * 2 ** SCALE))
}

/** Softmax of causal scores, times values, in float; the layouts of AttentionSpec. */
const reference = (
  q: number[],
  k: number[],
  v: number[],
  { tokens, repeats, groups, dim, rotary }: Sizes,
): number[] => {
  const unit = 2 ** -SCALE
  const [halves, part] = rotary ? [2, dim / 2] : [1, dim]
  const out: number[] = []
  for (let i = 0; i < tokens; i++) {
    for (let r = 0; r < repeats; r++) {
      for (let g = 0; g < groups; g++) {
        const weights = Array.from({ length: i + 1 }, (_, j) => {
          let score = 0
          for (let c = 0; c < halves; c++) {
            for (let m = 0; m < part; m++) {
              const a = q[(((c * tokens + i) * repeats + r) * groups + g) * part + m]!
              score += a * k[((c * tokens + j) * groups + g) * part + m]! * unit ** 2
            }
          }
          return Math.exp(score / Math.sqrt(dim))
        })
        const sum = weights.reduce((s, w) => s + w, 0)
        for (let h = 0; h < dim; h++) {
          out.push(weights.reduce((s, w, j) => s + w * v[(j * groups + g) * dim + h]! * unit, 0) / sum)
        }
      }
    }
  }
  return out
}

const build = (sizes: Sizes, q: number[], k: number[], v: number[], scoreScale = 12) => {
  const bench = new Bench()
  const { tokens, repeats, groups, dim, rotary = false } = sizes
  const [half, part] = rotary ? [[2], dim / 2] : [[], dim]
  const node = attention(bench.program, {
    name: 'attention',
    group: 'attention',
    q: bench.input([...half, tokens, repeats, groups, part], q, SCALE),
    k: bench.input([...half, tokens, groups, part], k, SCALE),
    v: bench.input([tokens, groups, dim], v, SCALE),
    rotary,
    ...causalMasks(tokens),
    scoreScale,
    headDim: dim,
  })
  return { bench, node }
}

describe('attention', () => {
  it.each<Sizes>([
    { tokens: 1, repeats: 1, groups: 1, dim: 4 },
    { tokens: 7, repeats: 1, groups: 3, dim: 5 },
    { tokens: 5, repeats: 3, groups: 2, dim: 6, rotary: true },
  ])('is close to float softmax attention: %o', sizes => {
    const { tokens, repeats, groups, dim } = sizes
    const q = draw(tokens * repeats * groups * dim, 1)
    const k = draw(tokens * groups * dim, 2)
    const v = draw(tokens * groups * dim, 3)
    const { bench, node } = build(sizes, q, k, v)
    const got = bench.output(node, tokens)
    const wanted = reference(q, k, v, sizes)
    // Rounding of the output is 2^-12; that of scores (2^-13 each) and exponentials moves it as much again.
    const error = Math.max(...wanted.map((w, i) => Math.abs(w - got[i]! * 2 ** -SCALE)))
    expect(error).toBeLessThan(2 ** -10)
  })

  it('averages equal scores, halves up, and sees no later key', () => {
    const { bench, node } = build(
      { tokens: 3, repeats: 1, groups: 1, dim: 1 },
      [0, 0, 0],
      [5, 6, 7],
      [1, 2, -10],
    )
    // 1; 3 / 2; -7 / 3
    expect(bench.output(node, 3)).toEqual([1, 2, -2])
  })

  it('gives the whole weight to a score far above the others', () => {
    const far = 2 ** (SCALE + 2)
    const { bench, node } = build(
      { tokens: 2, repeats: 1, groups: 1, dim: 1 },
      [far, far],
      [-far, 0],
      [-32768, 32767],
      11,
    )
    // Scores -16 and 0: exp(-16) 2^16 is below a half.
    expect(bench.output(node, 2)).toEqual([-32768, 32767])
  })

  it('refuses scores too far apart for the table, naming the node', () => {
    const far = 2 ** (SCALE + 2)
    const { bench, node } = build(
      { tokens: 2, repeats: 1, groups: 1, dim: 1 },
      [far, far],
      [-far, 0],
      [1, 2],
      12,
    )
    expect(() => bench.output(node, 2)).toThrow(
      /^attention.t: expected a value of 16 bits; calibrate on text like this/,
    )
  })
})
