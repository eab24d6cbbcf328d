import fc from 'fast-check'
import { expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { batchIndices, epochOrder } from './sampling.ts'

const zeros = new Uint8Array(32)
const counting = Uint8Array.from({ length: 32 }, (_, i) => i)

it("agrees with a second implementation of the rule and of BLAKE3's stream", () => {
  expect([...epochOrder(zeros, 10, 0)]).toEqual([8, 9, 3, 1, 7, 5, 2, 0, 4, 6])
  expect([...epochOrder(counting, 10, 0)]).toEqual([2, 9, 1, 0, 7, 6, 3, 4, 5, 8])
  expect([...epochOrder(counting, 10, 1)]).toEqual([4, 5, 0, 3, 1, 6, 7, 9, 2, 8])
  expect([...epochOrder(counting, 7, 2 ** 32 + 5)]).toEqual([6, 0, 2, 3, 1, 4, 5])
  const long = epochOrder(counting, 5000, 3)
  expect([long[0], long[1], long[2498], long[4999]]).toEqual([1097, 2433, 883, 2606])
  expect(long.reduce((sum, x, i) => sum + i * x, 0)).toBe(31136921645)
})

it('takes consecutive places of the epoch, and leaves out its rest', () => {
  // 10 examples in batches of 4: two steps an epoch, and two examples that it does not visit.
  const steps = [0, 1, 2, 3].map(step => [...batchIndices(counting, 10, 4, step)])
  expect(steps).toEqual([
    [2, 9, 1, 0],
    [7, 6, 3, 4],
    [4, 5, 0, 3],
    [1, 6, 7, 9],
  ])
  // In any order, and whatever was asked before.
  for (const step of [3, 0, 2, 1]) {
    expect([...batchIndices(zeros, 10, 4, step)]).not.toEqual(steps[step])
    expect([...batchIndices(counting, 10, 4, step)]).toEqual(steps[step])
  }
  expect([...batchIndices(counting, 1, 1, 5)]).toEqual([0])
})

it('visits no example twice within an epoch', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 0, max: 1000 }),
      (seed, examples, size, epoch) => {
        const batch = Math.min(size, examples)
        const perEpoch = Math.floor(examples / batch)
        const seen = Array.from({ length: perEpoch }, (_, j) => [
          ...batchIndices(seed, examples, batch, epoch * perEpoch + j),
        ]).flat()
        expect(new Set(seen).size).toBe(perEpoch * batch)
        expect(seen.every(i => i < examples)).toBe(true)
      },
    ),
    { numRuns: 100 },
  )
})

it('is uniform: every example at every place about equally often', () => {
  const n = 6
  const epochs = 3000
  const counts = Array.from({ length: n }, () => new Array<number>(n).fill(0))
  const orders = new Set<string>()
  for (let k = 0; k < epochs; k++) {
    const order = epochOrder(counting, n, k)
    order.forEach((x, place) => {
      const row = counts[place] as number[]
      row[x] = (row[x] as number) + 1
    })
    orders.add(order.join())
  }
  // 500 expected, deviation 20.4: six of them.
  for (const row of counts) for (const count of row) expect(Math.abs(count - epochs / n)).toBeLessThan(123)
  // All 720 orders but about 720 e^-4.17 = 11.
  expect(orders.size).toBeGreaterThan(690)
})

it('refuses what no batch can be made of', () => {
  const bad: [() => unknown, RegExp][] = [
    [() => batchIndices(zeros, 10, 11, 0), /batch: expected an integer from 1 to the 10 examples .* got 11/],
    [() => batchIndices(zeros, 10, 0, 0), /batch: .* got 0/],
    [() => batchIndices(zeros, 0, 1, 0), /examples: .* got 0/],
    [() => batchIndices(zeros, 2 ** 27, 1, 0), /examples: .* got 134217728/],
    [() => batchIndices(new Uint8Array(31), 10, 1, 0), /sampling seed: expected 32 bytes, got 31/],
    [() => batchIndices(zeros, 10, 1, -1), /step: .* got -1/],
    [() => batchIndices(zeros, 10, 1, 0.5), /step: .* got 0.5/],
  ]
  for (const [call, message] of bad) {
    expect(call).toThrow(InputError)
    expect(call).toThrow(message)
  }
})
