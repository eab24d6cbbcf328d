import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { activationTable, expTable, FUNCTIONS, type TableKind } from './tables.ts'

/** First 16 hex digits of SHA-256 of the entries, little-endian. */
function digest(table: Int32Array): string {
  const view = new DataView(new ArrayBuffer(4 * table.length))
  for (const [i, value] of table.entries()) view.setInt32(4 * i, value, true)
  return createHash('sha256').update(new Uint8Array(view.buffer)).digest('hex').slice(0, 16)
}

/** The largest difference between an entry and a function of its index. */
function distance(table: Int32Array, f: (i: number) => number): number {
  return table.reduce((most, value, i) => Math.max(most, Math.abs(value - f(i))), 0)
}

describe('activationTable', () => {
  const real: { [K in TableKind]?: (x: number) => number } = {
    silu: x => x / (1 + Math.exp(-x)),
    gelu_new: x => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    relu: x => Math.max(x, 0),
    sigmoid: x => 1 / (1 + Math.exp(-x)),
    tanh: Math.tanh,
  }
  it.each(Object.entries(real))('%s is the rounded float function', (kind, f) => {
    const table = activationTable(kind as TableKind, 16, 12, 12)
    expect(table.length).toBe(65536)
    expect(distance(table, i => f((i - 32768) / 4096) * 4096)).toBeLessThan(0.5 + 1e-8)
  })

  it('gelu, at known values and by its symmetry', () => {
    const table = activationTable('gelu', 16, 12, 24)
    // mpmath: x Phi(x)
    expect(table[32768 + 4096]).toBe(Math.round(0.84134474606854293 * 2 ** 24))
    expect(table[32768 - 4096]).toBe(Math.round(-0.15865525393145705 * 2 ** 24))
    expect(table[32768 + 8192]).toBe(Math.round(1.9544997361036416 * 2 ** 24))
    // gelu(x) - gelu(-x) = x
    expect(distance(table.subarray(32768), x => (table[32768 - x] as number) + x * 4096)).toBeLessThanOrEqual(
      1,
    )
  })

  it('relu is exact, also with other scales, and rounds halves up', () => {
    expect([...activationTable('relu', 3, 0, 0)]).toEqual([0, 0, 0, 0, 0, 1, 2, 3])
    expect([...activationTable('relu', 3, 1, 0)]).toEqual([0, 0, 0, 0, 0, 1, 1, 2])
    expect([...activationTable('relu', 2, -3, 1)]).toEqual([0, 0, 0, 16])
  })

  // The same entries on every engine and in every release: a changed digest breaks every older proof.
  it.each([
    ['silu', '46d6b0d102fec55d'],
    ['gelu', '62468a124b2848a7'],
    ['gelu_new', '5b61ef9821688e76'],
    ['sigmoid', 'c6cef0b63ccaa4d0'],
    ['tanh', '51bffb517139cf1d'],
  ] as const)('%s is pinned', (kind, wanted) => {
    expect(digest(activationTable(kind, 16, 11, 13))).toBe(wanted)
  })

  it('refuses parameters outside, and entries beyond 32 bits', () => {
    expect(() => activationTable('step' as TableKind, 8, 4, 4)).toThrow(InputError)
    expect(() => activationTable('toString' as TableKind, 8, 4, 4)).toThrow(InputError)
    for (const [bits, input, output] of [
      [0, 4, 4],
      [25, 4, 4],
      [8, 65, 4],
      [8, 4, -65],
      [8, 0.5, 4],
      [8, 4, NaN],
    ] as const)
      expect(() => activationTable('relu', bits, input, output)).toThrow(InputError)
    expect(() => activationTable('relu', 16, 0, 20)).toThrow(/32 bits/)
    expect(() => activationTable('exp', 16, 0, 0)).toThrow(/32 bits/)
  })

  it('names every function', () => {
    for (const kind of Object.keys(FUNCTIONS))
      expect(activationTable(kind as TableKind, 4, 2, 4).length).toBe(16)
  })
})

describe('expTable', () => {
  it('is the rounded exponential', () => {
    const table = expTable(16, 1 / 4096, 15)
    expect(table[0]).toBe(32768)
    expect(distance(table, t => 32768 * Math.exp(-t / 4096))).toBeLessThan(0.5 + 1e-8)
    expect(digest(table)).toBe('38a097409ee253a3')
  })

  it('collapses to the indicator of 0 for a large unit, and to a constant for unit 0', () => {
    expect([...expTable(2, 100, 16)]).toEqual([65536, 0, 0, 0])
    expect([...expTable(1, 0, 4)]).toEqual([16, 16])
  })

  it('refuses parameters outside', () => {
    for (const [bits, unit, output] of [
      [0, 1, 8],
      [25, 1, 8],
      [8, -1, 8],
      [8, NaN, 8],
      [8, Infinity, 8],
      [8, 1, 31],
      [8, 1, -1],
    ] as const)
      expect(() => expTable(bits, unit, output)).toThrow(InputError)
  })
})

describe('determinism', () => {
  it('the sources use no function that engines may compute differently, and nothing of node', () => {
    const dir = new URL('./', import.meta.url)
    for (const name of readdirSync(dir).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
      const text = readFileSync(new URL(name, dir), 'utf8').replaceAll(/\/\*\*[\s\S]*?\*\/|\/\/.*/g, '')
      expect(text.match(/Math\.(?!floor\b|sqrt\b|max\b)\w+|\*\*|['"]node:/)?.[0], name).toBeUndefined()
      for (const literal of text.match(/\b\d[\d.]*(e-?\d+)?\b/g) ?? []) {
        const digits = literal.replace(/e.*/, '').replace('.', '').replace(/^0+/, '')
        expect(digits.length, literal).toBeLessThanOrEqual(17)
      }
    }
  })
})
