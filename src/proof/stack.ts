/** Writing integers into stacks of field elements. */
import type { Source } from '../backend/backend.ts'

/** Both halves of 64-bit words, without a bigint each. */
const halves = (words: BigUint64Array | BigInt64Array): Uint32Array =>
  new Uint32Array(words.buffer, words.byteOffset, 2 * words.length)

/**
 * Prepares to write values as canonical field elements:
 * write(source, target, run) sets stack[target ..] = values[source .. source + run].
 */
export const stackWriter = (
  stack: BigUint64Array,
  values: Source,
): ((source: number, target: number, run: number) => void) => {
  if (values instanceof BigUint64Array) {
    return (source, target, run) => stack.set(values.subarray(source, source + run), target)
  }
  const to = halves(stack)
  if (values instanceof BigInt64Array) {
    const from = halves(values)
    return (source, target, run) => {
      for (let i = 0; i < run; i++) {
        const low = from[2 * (source + i)] as number
        const high = from[2 * (source + i) + 1] as number
        const at = 2 * (target + i)
        // p + v for v < 0 is its two's complement minus 2^32 - 1.
        const negative = high > 0x7fffffff
        to[at] = negative ? low + 1 : low
        to[at + 1] = negative && low !== 0xffffffff ? high - 1 : high
      }
    }
  }
  return (source, target, run) => {
    for (let i = 0; i < run; i++) {
      const v = values[source + i] as number
      const at = 2 * (target + i)
      // p + v = 2^64 - 2^32 + 1 + v for v < 0.
      to[at] = v < 0 ? v + 1 : v
      to[at + 1] = v < 0 ? (v === -1 ? 0xffffffff : 0xfffffffe) : 0
    }
  }
}
