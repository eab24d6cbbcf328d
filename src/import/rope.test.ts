import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { ropeFrequencies, ropeTables } from './rope.ts'

function config(name: string): ModelConfig {
  return parseConfig(JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')))
}

const llama2 = config('llama-2-7b')

describe('ropeTables', () => {
  it('turns by p theta^(-2i/d)', () => {
    const { cos, sin } = ropeTables(llama2, 50)
    expect([cos.length, sin.length]).toEqual([50 * 64, 50 * 64])
    for (const [p, i] of [
      [0, 0],
      [1, 0],
      [49, 0],
      [7, 13],
      [49, 63],
    ] as const) {
      const angle = p * 10000 ** ((-2 * i) / 128)
      expect(cos[p * 64 + i]).toBeCloseTo(Math.cos(angle), 13)
      expect(sin[p * 64 + i]).toBeCloseTo(Math.sin(angle), 13)
    }
  })

  it('linear scaling divides every frequency', () => {
    const scaled = ropeFrequencies({ ...llama2, ropeScaling: { type: 'linear', factor: 4 } })
    const plain = ropeFrequencies(llama2)
    expect(scaled).toEqual(plain.map(f => f / 4))
  })

  it('llama3 scaling keeps short waves, stretches long ones, blends between', () => {
    const llama31 = config('llama-3.1-8b-instruct')
    const scaled = ropeFrequencies(llama31)
    const plain = ropeFrequencies({ ...llama31, ropeScaling: { type: 'none' } })
    const kinds = { kept: 0, stretched: 0, blended: 0 }
    for (const [i, f] of plain.entries()) {
      const ratio = (scaled[i] as number) / f
      const wavelength = (2 * Math.PI) / f
      if (wavelength < 8192 / 4) {
        expect(ratio).toBe(1)
        kinds.kept++
      } else if (wavelength > 8192) {
        expect(ratio).toBeCloseTo(1 / 8, 14)
        kinds.stretched++
      } else {
        const smooth = (8192 / wavelength - 1) / 3
        expect(ratio).toBeCloseTo((1 - smooth) / 8 + smooth, 12)
        kinds.blended++
      }
    }
    expect(kinds).toEqual({ kept: 29, stretched: 29, blended: 6 })
  })

  it('refuses models without rotary positions, and positions outside', () => {
    expect(() => ropeTables(config('gpt2'), 4)).toThrow(InputError)
    for (const positions of [0, 4097, 1.5, NaN])
      expect(() => ropeTables(llama2, positions)).toThrow(InputError)
  })
})
