import { describe, expect, it } from 'vitest'
import { Bench } from '../testing.ts'
import { linear } from './relation.ts'

const X = [1, 2, 3, -4, 5, -6]
const W = [1, 0, -1, 2, 2, 2]

describe('linear', () => {
  it('is x W^T + b, rounded', () => {
    const bench = new Bench()
    const node = linear(bench.program, {
      name: 'fc',
      group: 'fc',
      x: bench.input([2, 3], X, 2),
      w: bench.weight([2, 3], W, 1),
      // Four units of the bias are one of the accumulator's eighths: 1 and -1/2 in real terms are 4 and -2.
      bias: bench.weight([2], [4, -2], 2),
      outer: [2],
      scale: 1,
      bits: 16,
    })
    // Eighths: [1 - 3 + 8, 12 - 4], [-4 + 6 + 8, -10 - 4]; halves of 6/4, 8/4, 10/4, -14/4, halves up.
    expect(bench.output(node, 2)).toEqual([2, 2, 3, -3])
  })

  it('puts its leading outer axis before the tokens', () => {
    const bench = new Bench()
    const node = linear(bench.program, {
      name: 'q',
      group: 'q',
      x: bench.input([2, 1], [1, 10]),
      w: bench.weight([2, 3, 1], [1, 2, 3, 4, 5, 6]),
      outer: [2, 3],
      lead: true,
      scale: 0,
      bits: 16,
    })
    expect(node.out.shape).toEqual([2, 2, 3])
    expect(bench.output(node, 2)).toEqual([1, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60])
  })

  it('is exact at the edges of 16 bits', () => {
    const bench = new Bench()
    const x = bench.input([1, 4], [-32768, -32768, 32767, 32767])
    const w = bench.weight([1, 4], [-32768, 32767, -32768, 32767])
    const node = linear(bench.program, { name: 'fc', group: 'fc', x, w, outer: [1], scale: -17, bits: 16 })
    // (-32768 + 32767)^2 = 1
    expect(bench.output(node, 1)).toEqual([0])
  })

  it('refuses accumulators that could wrap around and biases that are too fine', () => {
    const bench = new Bench()
    const x = bench.input([1, 4], [0, 0, 0, 0], 10, 46)
    const spec = {
      name: 'wide',
      group: 'wide',
      x,
      w: bench.weight([1, 4], [0, 0, 0, 0]),
      outer: [1],
      scale: 0,
      bits: 16,
    }
    expect(() => linear(bench.program, spec)).toThrow(
      'wide: expected an accumulator below 2^62, got a possible 2^62.0',
    )
    const narrow = { ...spec, x: bench.input([1, 4], [0, 0, 0, 0], 10), bias: bench.weight([1], [0], 11) }
    expect(() => linear(bench.program, narrow)).toThrow(
      "wide: expected a scale at most the accumulator's, got one 1 bits finer",
    )
  })
})
