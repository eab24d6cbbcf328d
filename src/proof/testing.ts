/** Seeded randomness, for tests only. */
import { blake3 } from '@noble/hashes/blake3.js'
import type { RandomFill } from './random.ts'

export const seededRandom = (seed: number): RandomFill => {
  let counter = 0
  return bytes => {
    const input = new Uint8Array(16)
    new DataView(input.buffer).setFloat64(0, seed)
    new DataView(input.buffer).setFloat64(8, counter++)
    bytes.set(blake3(input, { dkLen: bytes.length }))
  }
}
