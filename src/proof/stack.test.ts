import { expect, it } from 'vitest'
import type { Source } from '../backend/backend.ts'
import { toF } from '../field/goldilocks.ts'
import { stackWriter } from './stack.ts'

const edges = [0, 1, -1, -2, 2, 32767, -32768, 2 ** 31 - 1, -(2 ** 31)]
const wide = [2n ** 32n, 2n ** 32n - 1n, -(2n ** 32n), -(2n ** 32n) + 1n, -(2n ** 32n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]

it.each<[string, Source]>([
  ['int16', Int16Array.from(edges.filter(v => Math.abs(v) <= 32768))],
  ['int32', Int32Array.from(edges)],
  ['int64', BigInt64Array.from([...edges.map(BigInt), ...wide])],
  ['field', BigUint64Array.of(0n, 1n, 0xffffffff00000000n, 7n)],
])('%s values land as canonical field elements', (_, values) => {
  const stack = new BigUint64Array(values.length + 1)
  stackWriter(stack, values)(1, 2, values.length - 1)
  expect([...stack]).toEqual([0n, 0n, ...Array.from(values.slice(1) as Int32Array, v => toF(BigInt(v)))])
})
