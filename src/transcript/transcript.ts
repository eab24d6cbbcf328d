/**
 * Fiat-Shamir: one typed transcript for both sides. Every absorbed item carries a tag and its length; the state is
 * re-hashed at each item, so that no two different histories agree (spec/transcript.md).
 */
import { blake3 } from '@noble/hashes/blake3.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type F, type K, P } from '../field/goldilocks.ts'

const DOMAIN = 'proofmark/transcript/v1'

const u64 = (value: bigint): Uint8Array => {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, value, true)
  return out
}

/** K as 16 bytes, two little-endian u64. */
export const encodeK = (value: K): Uint8Array => concatBytes(u64(value[0]), u64(value[1]))

export class Transcript {
  #state: Uint8Array = blake3(utf8ToBytes(DOMAIN))

  #mix(kind: string, tag: string, body: Uint8Array): void {
    const name = utf8ToBytes(`${kind}:${tag}`)
    this.#state = blake3(
      concatBytes(this.#state, u64(BigInt(name.length)), name, u64(BigInt(body.length)), body),
    )
  }

  absorbBytes(tag: string, bytes: Uint8Array): void {
    this.#mix('bytes', tag, bytes)
  }

  absorbK(tag: string, ...values: readonly K[]): void {
    this.#mix('field', tag, concatBytes(...values.map(encodeK)))
  }

  #words(tag: string): () => bigint {
    this.#mix('challenge', tag, new Uint8Array(0))
    const seed = this.#state
    let block = new Uint8Array(0)
    let counter = 0n
    let at = 0
    return () => {
      if (at === block.length) {
        block = new Uint8Array(blake3(concatBytes(seed, u64(counter)), { dkLen: 64 }))
        counter += 1n
        at = 0
      }
      const word = new DataView(block.buffer, block.byteOffset).getBigUint64(at, true)
      at += 8
      return word
    }
  }

  /** Uniform elements of K, by rejection. */
  challenges(tag: string, count: number): K[] {
    const next = this.#words(tag)
    const element = (): F => {
      for (;;) {
        const word = next()
        if (word < P) return word
      }
    }
    return Array.from({ length: count }, () => [element(), element()] as const)
  }

  challenge(tag: string): K {
    return this.challenges(tag, 1)[0] as K
  }

  /** Indices uniform in [0, 2^log), in order of drawing, repetitions kept. */
  indices(tag: string, count: number, log: number): number[] {
    const next = this.#words(tag)
    const mask = (1n << BigInt(log)) - 1n
    return Array.from({ length: count }, () => Number(next() & mask))
  }

  /** An independent copy: both continue from here. */
  clone(): Transcript {
    const copy = new Transcript()
    copy.#state = this.#state
    return copy
  }

  /** The state, for comparison. */
  digest(): string {
    return Array.from(this.#state, b => b.toString(16).padStart(2, '0')).join('')
  }

  /** The seed that a proof of work must extend. */
  powSeed(tag: string): Uint8Array {
    this.#mix('pow', tag, new Uint8Array(0))
    return this.#state
  }

  absorbPow(tag: string, nonce: bigint): void {
    this.#mix('nonce', tag, u64(nonce))
  }
}

/** Whether BLAKE3(seed || nonce) starts (8 bytes, little-endian) below 2^(64 - bits). */
export const powHolds = (seed: Uint8Array, nonce: bigint, bits: number): boolean => {
  const digest = blake3(concatBytes(seed, u64(nonce)))
  const word = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0, true)
  return bits === 0 || word < 1n << BigInt(64 - bits)
}
