/** Uniform field elements. Randomness is injected: the operating system's in use, seeded in tests. */
export type RandomFill = (bytes: Uint8Array) => void

/** Uniform canonical elements of F, by rejection. */
export const uniformField = (count: number, random: RandomFill): BigUint64Array => {
  const out = new BigUint64Array(count)
  const bytes = new Uint8Array(out.buffer)
  for (let at = 0; at < bytes.length; at += 65536) random(bytes.subarray(at, Math.min(bytes.length, at + 65536)))
  const words = new Uint32Array(out.buffer)
  for (let i = 0; i < count; i++) {
    // p = 0xffffffff00000001: only words from there on are refused.
    while (words[2 * i + 1] === 0xffffffff && (words[2 * i] as number) > 0) random(bytes.subarray(8 * i, 8 * i + 8))
  }
  return out
}
