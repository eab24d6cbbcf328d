import { describe, expect, it } from 'vitest'
import { Bench } from '../testing.ts'
import { relu } from './relation.ts'

describe('relu', () => {
  it('is exact on all of 16 bits', () => {
    const bench = new Bench()
    const x = bench.input([2, 4], [-32768, -1, 0, 1, 32767, -32767, 5, -5])
    const node = relu(bench.program, { name: 'relu', group: 'g', x })
    expect(bench.output(node, 2)).toEqual([0, 0, 0, 1, 32767, 0, 5, 0])
  })
  it('refuses a wider value', () => {
    const bench = new Bench()
    const node = relu(bench.program, {
      name: 'relu',
      group: 'g',
      x: bench.input([1, 1], [32768]),
    })
    expect(() => bench.output(node, 1)).toThrow('relu: expected a value of 16 bits')
  })
})
