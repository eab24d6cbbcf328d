import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openWeights } from './safetensors.ts'
import { rounded, toBf16, writeSafetensors } from './safetensors-write.ts'

const dir = mkdtempSync(join(tmpdir(), 'proofmark-safetensors-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe('bfloat16', () => {
  it('rounds to nearest, ties to even', () => {
    // One unit in the last place of 1 is 2^-7.
    const ulp = 2 ** -7
    const cases = [1, 1 + ulp / 2, 1 + ulp / 2 + 2 ** -20, 1 + 1.5 * ulp, -1, 0]
    expect([...rounded(Float32Array.from(cases), 'BF16')]).toEqual([1, 1, 1 + ulp, 1 + 2 * ulp, -1, 0])
  })
  it('keeps infinities and NaN', () => {
    const [infinite, nan] = toBf16(Float32Array.of(Number.NEGATIVE_INFINITY, Number.NaN))
    expect(infinite).toBe(0xff80)
    expect(nan! & 0x7fff).toBeGreaterThan(0x7f80)
  })
})

describe('writeSafetensors', () => {
  const tensors = new Map([
    ['b', { shape: [2, 2], data: Float32Array.of(1.5, -2, 0.1, 3) }],
    ['a', { shape: [], data: Float32Array.of(7) }],
  ])
  for (const type of ['F32', 'BF16'] as const) {
    it(`${type} reads back`, () => {
      writeFileSync(join(dir, 'model.safetensors'), writeSafetensors(tensors, type, { format: 'pt' }))
      const store = openWeights(dir)
      expect(store.names()).toEqual(['a', 'b'])
      expect(store.dtype('a')).toBe(type)
      for (const [name, t] of tensors)
        expect(store.read(name)).toEqual({ shape: t.shape, data: rounded(t.data, type) })
      store.close()
    })
  }
  it('starts the data at a multiple of 8', () => {
    const bytes = writeSafetensors(tensors)
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0)
  })
  it('refuses data that does not fill its shape', () => {
    const wrong = new Map([['x', { shape: [3], data: Float32Array.of(1) }]])
    expect(() => writeSafetensors(wrong)).toThrow(/x: expected 3 entries, got 1/)
  })
})
