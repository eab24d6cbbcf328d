import { describe, expect, it } from 'vitest'
import { InternalError } from '../../errors.ts'
import { Bench } from '../testing.ts'
import { argmax } from './relation.ts'
import { argmaxOf, logits } from './witness.ts'

/** Three tokens of two dimensions; logits of position 1 are 3, 7, 7, -7 and of position 2 all 0. */
const make = (chosen: readonly number[]) => {
  const bench = new Bench()
  const x = bench.input([3, 2], [9, 9, 1, 2, 0, 0])
  const head = bench.weight([4, 2], [1, 1, 3, 2, -1, 4, -3, -2])
  return {
    bench,
    node: argmax(bench.program, { name: 'argmax', x, head, first: 1, chosen }),
  }
}

describe('argmax', () => {
  it('takes the largest logit, ties to the lowest token', () => {
    const { bench, node } = make([1, 0])
    const { x, broken } = bench.run(node, 3)
    expect(broken).toEqual([])
    expect([...logits(x, node, 1)]).toEqual([3, 7, 7, -7])
    expect(argmaxOf(logits(x, node, 1))).toBe(1)
    expect(argmaxOf(logits(x, node, 2))).toBe(0)
    expect([...x.wide(node.best)]).toEqual([7n, 0n])
    // Chosen less each logit, less one below the chosen token.
    expect([...x.ints(node.diff.tensors[0]!)]).toEqual([3, 0, 0, 14, 0, 0, 0, 0])
  })

  it('has no witness for another token, not even one of the same logit', () => {
    for (const chosen of [
      [0, 0],
      [2, 0],
      [1, 1],
    ]) {
      const { bench, node } = make(chosen)
      expect(() => bench.run(node, 3)).toThrow(InternalError)
    }
  })

  it('holds differences beyond 32 bits exactly', () => {
    const bench = new Bench()
    const x = bench.input([1, 3], [-32768, -32768, -32768])
    const head = bench.weight([2, 3], [32767, 32767, 32767, -32768, -32768, -32768])
    const node = argmax(bench.program, {
      name: 'argmax',
      x,
      head,
      first: 0,
      chosen: [1],
    })
    const run = bench.run(node, 1)
    expect(run.broken).toEqual([])
    const diff = node.diff.tensors.reduce((s, t, k) => s + run.x.ints(t)[0]! * 65536 ** k, 0)
    expect(diff).toBe(3 * 32768 * 65535 - 1)
  })

  it('refuses logits that could wrap around, naming the node', () => {
    const bench = new Bench()
    const x = bench.input([1, 2], [0, 0], 0, 46)
    const head = bench.weight([2, 2], [0, 0, 0, 0])
    expect(() => argmax(bench.program, { name: 'argmax', x, head, first: 0, chosen: [0] })).toThrow(
      /^argmax: expected/,
    )
  })
})
