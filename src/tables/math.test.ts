import { describe, expect, it } from 'vitest'
import { cos, erf, exp, ln, pow, sigmoid, sin, tanh } from './math.ts'

/** The largest relative difference between two functions over the points; equal values (0, Infinity) count 0. */
function worst(f: (x: number) => number, g: (x: number) => number, points: Iterable<number>): number {
  let most = 0
  for (const x of points) {
    const a = f(x)
    const b = g(x)
    if (Object.is(a, b)) continue
    most = Math.max(most, Math.abs(a - b) / Math.abs(b))
  }
  return most
}

/** `count` points from low to high, evenly spaced, at an irrational offset. */
function* grid(low: number, high: number, count = 20000): Generator<number> {
  for (let i = 0; i < count; i++) yield low + ((i + Math.SQRT1_2) * (high - low)) / count
}

/** Magnitudes from 2^low to 2^high, both signs. */
function* magnitudes(low: number, high: number): Generator<number> {
  for (let e = low; e < high; e++)
    for (const m of [1, 1.1, 1.25, 1.4199, 1.4201, 1.6, 1.99999]) {
      yield m * 2 ** e
      yield -m * 2 ** e
    }
}

describe('agreement with the engine', () => {
  it('exp', () => {
    expect(worst(exp, Math.exp, grid(-708, 709.7))).toBeLessThan(2e-15)
    expect(worst(exp, Math.exp, grid(-2, 2))).toBeLessThan(1e-15)
    expect(worst(exp, Math.exp, magnitudes(-60, 9))).toBeLessThan(1e-15)
    expect([exp(0), exp(-Infinity), exp(Infinity), exp(NaN)]).toEqual([1, 0, Infinity, NaN])
    expect([exp(-746), exp(710), exp(-745)]).toEqual([0, Infinity, 2 ** -1074])
  })

  it('ln', () => {
    expect(worst(ln, Math.log, grid(0.5, 2))).toBeLessThan(2e-15)
    expect(
      worst(
        ln,
        Math.log,
        [...magnitudes(-1074, 1023)].filter(x => x > 0),
      ),
    ).toBeLessThan(1e-15)
    expect(ln(2 ** -1074)).toBeCloseTo(-744.4400719213812, 12)
    expect([ln(1), ln(0), ln(-1), ln(Infinity), ln(NaN)]).toEqual([0, -Infinity, NaN, Infinity, NaN])
  })

  it('pow, at the bases and exponents of rotary frequencies', () => {
    for (const base of [2, 10000, 500000, 1e6, 1e8])
      expect(
        worst(
          y => pow(base, y),
          y => base ** y,
          grid(-1, 1),
        ),
      ).toBeLessThan(3e-15)
    for (const base of [1e-300, 0.3, 0.9999999, 1.0000001, 3, 1e300])
      expect(
        worst(
          y => pow(base, y),
          y => base ** y,
          grid(-1, 1),
        ),
      ).toBeLessThan(3e-15)
    expect([pow(2, 10), pow(7, 0), pow(0, 1), pow(-1, 2)]).toEqual([1024, 1, NaN, NaN])
  })

  it('sigmoid and tanh', () => {
    const reference = (x: number) => 1 / (1 + Math.exp(-x))
    expect(worst(sigmoid, reference, grid(-700, 40))).toBeLessThan(3e-15)
    expect(worst(tanh, Math.tanh, grid(-20, 20))).toBeLessThan(2e-15)
    expect(worst(tanh, Math.tanh, magnitudes(-500, 8))).toBeLessThan(2e-15)
    expect([tanh(0), tanh(Infinity), tanh(-Infinity), tanh(NaN)]).toEqual([0, 1, -1, NaN])
    expect([sigmoid(-Infinity), sigmoid(Infinity)]).toEqual([0, 1])
  })

  it('sin and cos, up to 2^20 and next to their zeros', () => {
    for (const [f, g] of [
      [sin, Math.sin],
      [cos, Math.cos],
    ] as const) {
      expect(worst(f, g, grid(-10, 10))).toBeLessThan(1e-15)
      expect(worst(f, g, grid(-1048576, 1048576, 100000))).toBeLessThan(1e-15)
      expect(worst(f, g, magnitudes(-500, 20))).toBeLessThan(1e-15)
      const zeros = Array.from({ length: 2000 }, (_, k) => Math.floor(1.00347 ** k * 331) * (Math.PI / 2))
      expect(
        worst(
          f,
          g,
          zeros.filter(x => x < 1048576),
        ),
      ).toBeLessThan(1e-15)
      expect([f(1048577), f(-Infinity), f(NaN)]).toEqual([NaN, NaN, NaN])
    }
    expect([sin(0), cos(0)]).toEqual([0, 1])
  })
})

describe('erf', () => {
  // mpmath, 40 digits
  const values: [number, number][] = [
    [1e-300, 1.1283791670955126e-300],
    [1e-8, 1.1283791670955126e-8],
    [0.1, 0.1124629160182849],
    [0.25, 0.27632639016823696],
    [0.5, 0.5204998778130465],
    [0.75, 0.7111556336535151],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [2, 0.9953222650189527],
    [2.375, 0.9992170617821089],
    [2.4375, 0.9994334567454198],
    [2.5, 0.999593047982555],
    [2.75, 0.9998993780778804],
    [2.999, 0.9999777698314002],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [5, 0.9999999999984626],
    [5.9, 0.9999999999999999],
    [6.5, 1],
    [Infinity, 1],
  ]
  it.each(values)('erf(%d)', (x, wanted) => {
    expect(Math.abs(erf(x) - wanted) / wanted).toBeLessThan(1e-15)
    expect(erf(-x)).toBe(-erf(x))
  })

  it('has the right derivative everywhere, so no seam and no short series', () => {
    // Five-point differences of an exact erf would be off by h^4 f'''''/30, below 1e-8.
    const h = 0.01
    const slope = (x: number) =>
      (8 * (erf(x + h) - erf(x - h)) - (erf(x + 2 * h) - erf(x - 2 * h))) / (12 * h)
    const wanted = (x: number) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)
    for (const x of grid(-6.5, 6.5, 5000))
      if (!(Math.abs(slope(x) - wanted(x)) < 2e-8)) expect.fail(`at ${x}`)
  })

  it('the series and the fraction meet', () => {
    expect(Math.abs(erf(2.75) - erf(2.75 - 1e-15))).toBeLessThan(3e-16)
  })
})
