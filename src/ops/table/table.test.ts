import { describe, expect, it } from 'vitest'
import { FUNCTIONS } from '../../tables/tables.ts'
import { Bench } from '../testing.ts'
import { table } from './relation.ts'

describe('table', () => {
  it.each(['silu', 'gelu', 'gelu_new'] as const)('%s is within half a unit of the function', kind => {
    const bench = new Bench()
    const values = [-32768, -4096, -1000, -1, 0, 1, 777, 4096, 32767]
    const x = bench.input([1, values.length], values, 12)
    const node = table(bench.program, { name: kind, kind, x, scale: 11 })
    bench.output(node, 1).forEach((y, i) => {
      expect(Math.abs(y - FUNCTIONS[kind](values[i]! * 2 ** -12) * 2 ** 11)).toBeLessThanOrEqual(0.5)
    })
  })
  it('refuses an input outside its rows', () => {
    const bench = new Bench()
    const x = bench.input([1, 1], [-32769], 12)
    const node = table(bench.program, {
      name: 'silu',
      kind: 'silu',
      x,
      scale: 11,
    })
    expect(() => bench.output(node, 1)).toThrow('silu: expected a value of 16 bits')
  })
})
