/**
 * The masked channel. Every scalar a sumcheck would send travels as (value - pad), the pad committed before any
 * challenge; the verifier computes with affine expressions in pads and linear forms, and each of its checks becomes
 * one linear claim (spec/zero-knowledge.md, section 2). Products of two hidden values use a committed product of
 * their pads.
 *
 * The same verifier text runs over a `VerifierChannel` in three ways: to count pads before committing (no
 * transcript), to derive the prover's final linear claim, and to verify.
 */
import { type K, K_ONE, K_ZERO, kIsZero, kMul, kSub } from '../field/goldilocks.ts'
import type { Form } from '../program/form.ts'
import { Rejection } from '../proof/rejection.ts'
import type { Transcript } from '../transcript/transcript.ts'
import { constant, type Expression, linear } from './expression.ts'

/** The pads of one product: value pads a and b, and the pad that must hold their product. */
export interface PadProduct {
  readonly a: number
  readonly b: number
  readonly product: number
}

export interface Assertion {
  readonly at: string
  readonly zero: Expression
}

/** A hidden scalar that was sent: its masked form and its pad. */
export interface Hidden {
  readonly masked: K
  readonly pad: number
  readonly expression: Expression
}

export class VerifierChannel {
  readonly products: PadProduct[] = []
  readonly forms: Form[] = []
  readonly assertions: Assertion[] = []
  /** Pads consumed so far. */
  pads = 0
  readonly #transcript: Transcript | undefined
  readonly #next: (tag: string) => K
  #fake = 3n

  /**
   * Without a transcript the channel only counts: values are 0, challenges arbitrary.
   * @param next yields the masked values in order
   */
  constructor(transcript?: Transcript, next: (tag: string) => K = () => K_ZERO) {
    this.#transcript = transcript
    this.#next = next
  }

  /** P -> V: one masked scalar. */
  receive(tag: string): Hidden {
    const masked = this.#next(tag)
    this.#transcript?.absorbK(tag, masked)
    const pad = this.pads++
    return { masked, pad, expression: { constant: masked, atoms: new Map([[pad, K_ONE]]) } }
  }

  /** V -> P. */
  challenges(tag: string, count: number): K[] {
    if (this.#transcript) return this.#transcript.challenges(tag, count)
    return Array.from({ length: count }, () => [this.#fake++, 1n] as const)
  }

  challenge(tag: string): K {
    return this.challenges(tag, 1)[0] as K
  }

  /** A challenge that the protocol divides by; zero (probability 2^-128) is rejected. */
  nonZeroChallenge(tag: string): K {
    const value = this.challenge(tag)
    if (kIsZero(value)) throw new Rejection(tag, 'the challenge is zero')
    return value
  }

  /** The product of two hidden scalars: (m_a + pad_a)(m_b + pad_b), linear but for the committed pad_a pad_b. */
  product(a: Hidden, b: Hidden): Expression {
    const product = this.pads++
    this.products.push({ a: a.pad, b: b.pad, product })
    return linear(
      [kMul(a.masked, b.masked), constant(K_ONE)],
      [a.masked, { constant: K_ZERO, atoms: new Map([[b.pad, K_ONE]]) }],
      [b.masked, { constant: K_ZERO, atoms: new Map([[a.pad, K_ONE]]) }],
      [K_ONE, { constant: K_ZERO, atoms: new Map([[product, K_ONE]]) }],
    )
  }

  /** Whether the channel only counts: what is evaluated then is thrown away. */
  get counting(): boolean {
    return this.#transcript === undefined
  }

  /** A committed linear functional as a value. */
  form(form: Form): Expression {
    this.forms.push(form)
    return { constant: K_ZERO, atoms: new Map([[-this.forms.length, K_ONE]]) }
  }

  assertZero(at: string, zero: Expression): void {
    this.assertions.push({ at, zero })
  }
}

export class ProverChannel {
  readonly masked: K[] = []
  readonly #transcript: Transcript
  readonly #pads: (index: number) => K
  #pad = 0

  constructor(transcript: Transcript, pads: (index: number) => K) {
    this.#transcript = transcript
    this.#pads = pads
  }

  /** P -> V: value - pad. */
  send(tag: string, value: K): void {
    const masked = kSub(value, this.#pads(this.#pad++))
    this.masked.push(masked)
    this.#transcript.absorbK(tag, masked)
  }

  /** Mirrors VerifierChannel.product: one pad is taken by the committed product. */
  product(): void {
    this.#pad++
  }

  challenges(tag: string, count: number): K[] {
    return this.#transcript.challenges(tag, count)
  }

  challenge(tag: string): K {
    return this.#transcript.challenge(tag)
  }
}
