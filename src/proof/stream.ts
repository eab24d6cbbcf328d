/**
 * Proof bytes: a flat sequence of canonical fields in the order in which the verifier reads them. Counts are derived
 * from the statement, never sent, so that a proof has exactly one length.
 */
import { type F, type K, P } from '../field/goldilocks.ts'
import { Rejection } from './rejection.ts'

export interface Field {
  readonly tag: string
  readonly offset: number
  readonly length: number
}

export class ProofWriter {
  /** Where each field lies: for `explain` and for the tamper tests. */
  readonly fields: Field[] = []
  #bytes = new Uint8Array(1 << 16)
  #length = 0

  bytes(tag: string, value: Uint8Array): void {
    if (this.#length + value.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + value.length))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.fields.push({ tag, offset: this.#length, length: value.length })
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  u64(tag: string, ...values: readonly bigint[]): void {
    const out = new Uint8Array(8 * values.length)
    const view = new DataView(out.buffer)
    values.forEach((v, i) => {
      view.setBigUint64(8 * i, v, true)
    })
    this.bytes(tag, out)
  }

  k(tag: string, value: K): void {
    this.u64(tag, value[0], value[1])
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
}

export class ProofReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #onRead: ((tag: string, length: number) => void) | undefined
  #at = 0

  /** @param onRead sees every part that is read, in order */
  constructor(bytes: Uint8Array, onRead?: (tag: string, length: number) => void) {
    this.#bytes = bytes
    this.#onRead = onRead
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  #take(at: string, length: number): number {
    const start = this.#at
    if (start + length > this.#bytes.length) {
      throw new Rejection(at, `the proof ends early: expected ${length} bytes at ${start}, got ${this.#bytes.length - start}`)
    }
    this.#at += length
    this.#onRead?.(at, length)
    return start
  }

  bytes(at: string, length: number): Uint8Array {
    const start = this.#take(at, length)
    return this.#bytes.slice(start, start + length)
  }

  u64(at: string): bigint {
    return this.#view.getBigUint64(this.#take(at, 8), true)
  }

  f(at: string): F {
    const value = this.u64(at)
    if (value >= P) throw new Rejection(at, `non-canonical field element ${value}`)
    return value
  }

  k(at: string): K {
    return [this.f(at), this.f(at)]
  }

  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw new Rejection('proof', `${this.#bytes.length - this.#at} bytes follow the end of the proof`)
    }
  }
}
