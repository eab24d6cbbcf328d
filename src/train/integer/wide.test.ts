import fc from 'fast-check'
import { expect, it } from 'vitest'
import { portableBackend } from '../../backend/portable.ts'
import { InputError } from '../../errors.ts'
import { rescale, wideProduct } from './wide.ts'

const operand = (x: number) => ({ data: Float64Array.of(x), transposed: false })
const one = { m: 1, n: 1, k: 1 }

it('multiplies, adds and rescales beyond 53 bits', () => {
  const signed = (bits: number) => fc.integer({ min: -(2 ** bits - 1), max: 2 ** bits - 1 })
  fc.assert(
    fc.property(
      fc.maxSafeInteger().map(w => Math.floor(w / 2 ** 8)),
      signed(22),
      signed(30),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 1, max: 52 }),
      (w, u, bias, scale, shift) => {
        const add = bias * 2 ** scale
        const acc = wideProduct(portableBackend(), operand(w), operand(u), one, 1, 'product')
        const { value, remainder } = rescale(acc, Float64Array.of(add), shift)
        const [z, rest] = [value[0]!, remainder[0]!]
        expect(rest >= 0 && rest < 2 ** shift).toBe(true)
        // Quotients above 53 bits are rounded: far out of any range.
        if (Math.abs(z) > 2 ** 52) return
        const exact = BigInt(w) * BigInt(u) + BigInt(add) + 2n ** BigInt(shift - 1)
        expect(BigInt(z) * 2n ** BigInt(shift) + BigInt(rest)).toBe(exact)
      },
    ),
  )
})

it('refuses sums that no pair of doubles holds', () => {
  const product = () => wideProduct(portableBackend(), operand(2 ** 45), operand(2 ** 40), one, 1, 'dense1')
  expect(product).toThrow(InputError)
  expect(product).toThrow(/dense1: expected sums of 72 bits/)
})
