/** Writing integers into stacks of field elements. */
import type { Source } from '../backend/backend.ts'
import { toF } from '../field/goldilocks.ts'

/** stack[target ..] = values[source .. source + run] as canonical field elements. */
export const writeBlock = (stack: BigUint64Array, target: number, values: Source, source: number, run: number): void => {
  if (values instanceof BigUint64Array) {
    stack.set(values.subarray(source, source + run), target)
    return
  }
  if (values instanceof BigInt64Array) {
    for (let i = 0; i < run; i++) stack[target + i] = toF(values[source + i] ?? 0n)
    return
  }
  const words = new Uint32Array(stack.buffer, stack.byteOffset + 8 * target, 2 * run)
  for (let i = 0; i < run; i++) {
    const v = values[source + i] as number
    // p + v = 2^64 - 2^32 + 1 + v for v < 0.
    words[2 * i] = v < 0 ? v + 1 : v
    words[2 * i + 1] = v < 0 ? (v === -1 ? 0xffffffff : 0xfffffffe) : 0
  }
}
