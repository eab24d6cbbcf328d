import { describe, expect, it } from 'vitest'
import { Bench } from '../testing.ts'
import { product } from './relation.ts'

describe('product', () => {
  const make = (a: number[], b: number[], scale: number) => {
    const bench = new Bench()
    const x = bench.input([1, a.length], a, 4)
    const y = bench.input([1, b.length], b, 3)
    return {
      bench,
      node: product(bench.program, {
        name: 'gated',
        group: 'g',
        a: x,
        b: y,
        scale,
        bits: 16,
      }),
    }
  }
  it('rounds halves up', () => {
    const { bench, node } = make([3, 3, -3, 0], [2, -2, 7, 9], 5)
    // 6 / 4, -6 / 4, -21 / 4
    expect(bench.output(node, 1)).toEqual([2, -1, -5, 0])
  })
  it('takes the extremes of 16 bits', () => {
    const { bench, node } = make([-32768, -32768, 32767], [-32768, 32767, 32767], -9)
    expect(bench.output(node, 1)).toEqual([16384, -16383, 16383])
  })
  it('refuses results beyond its bits', () => {
    const { bench, node } = make([-32768], [-32768], -8)
    expect(() => bench.output(node, 1)).toThrow(
      'gated: expected a value of 16 bits; calibrate on text like this, got 32768',
    )
  })
})
