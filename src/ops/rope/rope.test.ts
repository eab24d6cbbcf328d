import { describe, expect, it } from 'vitest'
import { Bench, publicTensor } from '../testing.ts'
import { ROPE_SCALE, rope } from './relation.ts'

describe('rope', () => {
  const make = (x: number[], angles: number[]) => {
    const bench = new Bench()
    const tokens = angles.length
    const ints = (f: (a: number) => number) => angles.map(a => Math.round(f(a) * 2 ** ROPE_SCALE))
    const node = rope(bench.program, {
      name: 'rope',
      group: 'g',
      x: bench.input([2, tokens, x.length / 2 / tokens, 1], x, 8),
      bits: 16,
      cos: publicTensor('cos', [tokens, 1], ints(Math.cos)),
      sin: publicTensor('sin', [tokens, 1], ints(Math.sin)),
    })
    return { bench, node, tokens }
  }
  it('rotates each pair by its angle', () => {
    const angles = [0, Math.PI / 2, 0.7]
    // First halves of three tokens with two heads, then second halves.
    const x = [100, 200, 300, 400, 500, -600, 10, 20, 30, 40, 50, 60]
    const { bench, node, tokens } = make(x, angles)
    const got = bench.output(node, tokens)
    for (let i = 0; i < 6; i++) {
      const angle = angles[i >> 1]!
      const [a, b] = [x[i]!, x[i + 6]!]
      expect(Math.abs(got[i]! - (a * Math.cos(angle) - b * Math.sin(angle)))).toBeLessThan(0.55)
      expect(Math.abs(got[i + 6]! - (b * Math.cos(angle) + a * Math.sin(angle)))).toBeLessThan(0.55)
    }
    expect([got[0], got[6]]).toEqual([100, 10])
  })
  it('refuses a rotation out of its bits', () => {
    const { bench, node } = make([32767, -32767], [Math.PI / 4])
    expect(() => bench.output(node, 1)).toThrow(/^rope: expected a value of 16 bits/)
  })
})
