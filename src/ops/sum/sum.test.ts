import { describe, expect, it } from 'vitest'
import { InternalError } from '../../errors.ts'
import { Bench } from '../testing.ts'
import { sum } from './relation.ts'

describe('sum', () => {
  it('adds, commits nothing and adds the bounds', () => {
    const bench = new Bench()
    const a = bench.input([1, 3], [1, -32768, 32767], 5)
    const b = bench.input([1, 3], [2, -32768, 32767], 5)
    const node = sum('h', a, b)
    expect(node.out.bound).toBe(65536)
    expect(bench.output(node, 1)).toEqual([3, -65536, 65534])
  })
  it('refuses summands of different scales', () => {
    const bench = new Bench()
    expect(() => sum('h', bench.input([1, 1], [1], 5), bench.input([1, 1], [1], 6))).toThrow(InternalError)
  })
})
