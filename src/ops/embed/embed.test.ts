import { describe, expect, it } from 'vitest'
import { Bench } from '../testing.ts'
import { embed } from './relation.ts'

const TABLE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const POSITIONS = [100, 100, 100, 100, 16, 32, -16, -32, 8, 8]
const TOKENS = [4, 0, 4]

const make = (tokens: readonly (number | null)[], scales = { table: 2, positions: 4, out: 3 }) => {
  const bench = new Bench()
  const table = bench.weight([5, 2], TABLE, scales.table)
  const positions = bench.weight([5, 2], POSITIONS, scales.positions)
  const spec = {
    name: 'embedding',
    tokens,
    table,
    positions,
    positionOffset: 2,
    scale: scales.out,
    bits: 16,
  }
  return { bench, node: embed(bench.program, spec) }
}

// Sixteenths: 4 (9, 10) + (16, 32), 4 (1, 2) - (16, 32), 4 (9, 10) + (8, 8); halved.
const EXPECTED = [26, 36, -6, -12, 22, 24]

describe('embed', () => {
  it.each([
    ['public', TOKENS],
    ['private', [null, null, null]],
    ['mixed', [4, null, 4]],
  ])('adds rows of token and position at one scale: %s tokens', (_, tokens) => {
    const { bench, node } = make(tokens)
    expect(bench.output(node, 3, TOKENS)).toEqual(EXPECTED)
  })

  it('writes private tokens as rows of one 1', () => {
    const { bench, node } = make([null, 0, 4])
    const { x } = bench.run(node, 3, TOKENS)
    expect([...x.ints(node.oneHot!)]).toEqual([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  })

  it('pins the public tokens beside private ones', () => {
    const { bench, node } = make([null, 1, 4])
    // The witness reads token 0 where the program says 1.
    expect(bench.run(node, 3, TOKENS).broken).toEqual(['embedding:public tokens'])
  })

  it('may be finer than both tables', () => {
    const { bench, node } = make(TOKENS, { table: 0, positions: -1, out: 1 })
    expect(bench.output(node, 3, TOKENS)).toEqual([18 + 64, 20 + 128, 2 - 64, 4 - 128, 18 + 32, 20 + 32])
  })

  it('refuses a scale at which an entry leaves its bits', () => {
    const { bench, node } = make(TOKENS, { table: 2, positions: 4, out: 15 })
    expect(() => bench.output(node, 3, TOKENS)).toThrow(/^embedding: expected a value of 16 bits/)
  })
})
