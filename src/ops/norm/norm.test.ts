import { describe, expect, it } from 'vitest'
import { seeded, normal } from '../../nn/random.ts'
import { Bench } from '../testing.ts'
import { norm, normConstants } from './relation.ts'
import { integerSqrt } from './witness.ts'

const EPS = 1e-5

/** The norm in float. */
const reference = (row: number[], gain: number[], bias: number[] | undefined): number[] => {
  const mean = bias ? row.reduce((s, v) => s + v, 0) / row.length : 0
  const c = row.map(v => v - mean)
  const rms = Math.sqrt(c.reduce((s, v) => s + v * v, 0) / row.length + EPS)
  return c.map((v, i) => (v / rms) * gain[i]! + (bias?.[i] ?? 0))
}

const vector = (length: number, seed: number, spread = 1): number[] => {
  const random = seeded(seed)
  return Array.from({ length }, () => spread * normal(random))
}
const integers = (values: readonly number[], scale: number): number[] =>
  values.map(v => Math.round(v * 2 ** scale))

/** Largest difference between the integer norm and the float one, over rows of the given spreads. */
const error = (
  kind: 'rms' | 'layer',
  d: number,
  spreads: readonly number[],
  residual: { scale: number; bits: number },
): number => {
  const bench = new Bench()
  const rows = spreads.map((spread, i) => vector(d, i + 1, spread))
  const gain = vector(d, 98).map(v => 1 + 0.2 * v)
  const bias = kind === 'layer' ? vector(d, 99, 0.3) : undefined
  const x = bench.input(
    [rows.length, d],
    integers(rows.flat(), residual.scale),
    residual.scale,
    residual.bits,
  )
  const node = norm(bench.program, {
    name: 'norm',
    group: 'norm',
    kind,
    x,
    gain: bench.weight([d], integers(gain, 13), 13),
    bias: bias && bench.weight([d], integers(bias, 14), 14),
    eps: EPS,
    scale: 11,
    bits: 16,
  })
  const got = bench.output(node, rows.length)
  const wanted = rows.flatMap(row => reference(row, gain, bias))
  return Math.max(...wanted.map((v, i) => Math.abs(v - got[i]! * 2 ** -11)))
}

describe.each(['rms', 'layer'] as const)('%s norm', kind => {
  // Half a unit of the output is 2^-12; inputs of spread s have a relative error of 2^-(scale + 1) / s.
  it.each([1, 2, 3, 48, 100])('is close to the float norm of %i entries', d => {
    if (kind === 'layer' && d < 3) return
    expect(error(kind, d, [1, 0.5, 3], { scale: 12, bits: 16 })).toBeLessThan(2 ** -9)
  })
  it('keeps its precision from small rows to large ones', () => {
    expect(error(kind, 48, [0.1, 1, 30], { scale: 14, bits: 22 })).toBeLessThan(2 ** -9)
  })
  it('takes a row of zeros', () => {
    expect(error(kind, 5, [0], { scale: 10, bits: 16 })).toBeLessThan(2 ** -11)
  })
})

describe('norm by hand', () => {
  it('(3, -4) has a root mean square of sqrt(12.5)', () => {
    const bench = new Bench()
    const x = bench.input([1, 2], [3 * 1024, -4 * 1024], 10)
    const gain = bench.weight([2], [1024, 1024], 10)
    const node = norm(bench.program, {
      name: 'n',
      group: 'n',
      kind: 'rms',
      x,
      gain,
      eps: 1e-9,
      scale: 10,
      bits: 16,
    })
    // 1024 * (3, -4) / 3.5355339 = 868.9, -1158.5
    expect(bench.output(node, 1)).toEqual([869, -1159])
  })
  it('refuses a result beyond its bits, naming the node', () => {
    const bench = new Bench()
    const gain = bench.weight([1], [32767], 0)
    const node = norm(bench.program, {
      name: 'hot',
      group: 'hot',
      kind: 'rms',
      x: bench.input([1, 1], [100]),
      gain,
      eps: 1e-9,
      scale: 1,
      bits: 16,
    })
    expect(() => bench.output(node, 1)).toThrow(/^hot: expected a value of 16 bits/)
  })
  it('refuses streams whose squares could wrap around, naming the node', () => {
    const bench = new Bench()
    const x = bench.input([1, 4096], [], 10, 26)
    const gain = bench.weight([4096], [], 10)
    expect(() =>
      norm(bench.program, { name: 'deep', group: 'g', kind: 'rms', x, gain, eps: 1e-5, scale: 10, bits: 16 }),
    ).toThrow('deep: expected an accumulator below 2^62')
  })
})

describe('constants', () => {
  const x = { shape: [1, 64], bound: 2 ** 15, scale: 10, name: 'x', terms: [] }
  const gain = { tensor: { id: 0, name: 'g', commitment: 'weights', shape: [64] }, scale: 14 } as const
  it('fill the two limbs of the remainder', () => {
    const c = normConstants({ x, gain, eps: 1e-5, scale: 10, kind: 'rms' })
    expect(c).toMatchObject({ shift: 32, precision: 28, e: BigInt(Math.round(1e-5 * 64 * 2 ** 20)) })
    expect(c.n).toBe(BigInt(8 * 2 ** (28 + c.j)))
  })
  it('keep c R g exact in a double', () => {
    for (const d of [1, 48, 768, 4096, 65536]) {
      const c = normConstants({ x: { ...x, shape: [1, d] }, gain, eps: 1e-5, scale: 16, kind: 'rms' })
      expect(Math.sqrt(d) * 2 ** (c.precision + 15)).toBeLessThanOrEqual(2 ** 51)
    }
  })
})

describe('integerSqrt', () => {
  it.each([0n, 1n, 2n, 3n, 4n, 2n ** 52n - 1n, 2n ** 56n, 2n ** 57n - 1n, (2n ** 28n - 1n) ** 2n - 1n])(
    'of %s',
    v => {
      const s = BigInt(integerSqrt(v))
      expect(s * s <= v && v < (s + 1n) * (s + 1n)).toBe(true)
    },
  )
})
