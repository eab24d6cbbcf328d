import { describe, expect, it } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { Execution, storeLimbs, storeRescaled, storeSigned } from '../../graph/execution.ts'
import { ProgramBuilder } from '../../graph/graph.ts'
import { limbs, rescaled, signed } from './relation.ts'

const execution = () => new Execution(loadBackend(), () => new Int16Array(0))
const spec = { name: 'y', group: 'y', shape: [6], scale: 0, bound: 2 ** 40 }

/** y and r of acc + 2^(shift-1) = 2^shift y + r. */
const rescale = (acc: number[], shift: number, bits = 16) => {
  const x = execution()
  const r = rescaled(new ProgramBuilder(), { ...spec, shift, bits })
  storeRescaled(x, r, Float64Array.from(acc), 0, 0, acc.length)
  const rest = acc.map((_, i) =>
    (r.remainder?.tensors ?? []).reduce((s, t, k) => s + (x.ints(t)[i] ?? 0) * 65536 ** k, 0),
  )
  return { y: [...x.ints(r.y.tensor)].slice(0, acc.length), rest, high: r.y.high && x.ints(r.y.high)[0] }
}

describe('rescale', () => {
  it('rounds to nearest, halves up, also below zero', () => {
    // 5/4, 6/4, 7/4 and their negatives
    expect(rescale([5, 6, 7, -5, -6, -7], 2)).toMatchObject({
      y: [1, 2, 2, -1, -1, -2],
      rest: [3, 0, 1, 1, 0, 3],
    })
  })

  it('refuses a shift with which another y would satisfy the same identity modulo p', () => {
    const make = (shift: number, bits: number, covered: boolean) => () =>
      rescaled(new ProgramBuilder(), { ...spec, shift, bits, covered })
    expect(make(34, 28, false)).not.toThrow()
    expect(make(35, 28, false)).toThrow(/shift from 0 to 34/)
    // A covered y is pinned by its 16-bit table only: 2^54 * 2^10 = 2^64 wraps to 2^32 - 1.
    expect(make(54, 8, true)).toThrow(/shift from 0 to 46/)
    expect(make(46, 8, true)).not.toThrow()
  })

  it.each([0, 1, 15, 16, 17, 31, 32, 33, 36])('splits the remainder of %i bits exactly', shift => {
    const acc = [0, 1, -1, 12345678901, -12345678901, 2 ** shift * 7 - 1].map(v =>
      Math.max(-(2 ** (shift + 14)), Math.min(2 ** (shift + 14), v)),
    )
    const { y, rest } = rescale(acc, shift)
    acc.forEach((v, i) => {
      expect(y[i]! * 2 ** shift + rest[i]!).toBe(v + (shift > 0 ? 2 ** (shift - 1) : 0))
      expect(rest[i]).toBeGreaterThanOrEqual(0)
      expect(rest[i]).toBeLessThan(2 ** shift)
    })
  })

  it('takes every value of its range and refuses the next, naming the node', () => {
    expect(rescale([32767, -32768], 0).y).toEqual([32767, -32768])
    expect(rescale([2 * 32767, 2 * 32767 + 0.0], 1).y).toEqual([32767, 32767])
    expect(() => rescale([32768], 0)).toThrow(
      'y: expected a value of 16 bits; calibrate on text like this, got 32768',
    )
    expect(() => rescale([-32769], 0)).toThrow('-32769')
    // 65535 / 2 rounds up to 32768
    expect(() => rescale([65535], 1)).toThrow('32768')
    expect(rescale([-524288], 0, 20)).toMatchObject({ y: [-524288], high: 0 })
    expect(rescale([524287], 0, 20)).toMatchObject({ y: [524287], high: 15 })
    expect(() => rescale([524288], 0, 20)).toThrow('20 bits')
  })

  it('refuses scales whose identity could wrap around, naming the node', () => {
    const make = (over: object) => () =>
      rescaled(new ProgramBuilder(), { ...spec, shift: 8, bits: 16, ...over })
    expect(make({})).not.toThrow()
    expect(make({ bound: 2 ** 62 })).toThrow('y: expected an accumulator below 2^62, got a possible 2^62.0')
    expect(make({ shift: 46 })).not.toThrow()
    expect(make({ shift: 47 })).toThrow('y: expected a shift from 0 to 46 for 16 bits, got 47')
    expect(make({ shift: -1 })).toThrow('y: expected a shift from 0 to 46 for 16 bits, got -1')
  })
})

describe('limbs and signed values', () => {
  it('are least significant first', () => {
    const x = execution()
    const value = limbs(new ProgramBuilder(), 'v', [1], 40)
    storeLimbs(x, value, 0, 0xab_1234_5678)
    expect(value.tensors.map(t => x.ints(t)[0])).toEqual([0x5678, 0x1234, 0xab])
  })

  it('carry their high limb beyond 16 bits', () => {
    const x = execution()
    const value = signed(new ProgramBuilder(), 'v', [2], 20)
    storeSigned(x, value, 0, -1)
    storeSigned(x, value, 1, 0)
    expect([...x.ints(value.high!)]).toEqual([7, 8])
    expect(() => storeSigned(x, value, 0, 2 ** 19)).toThrow('20 bits')
  })
})
