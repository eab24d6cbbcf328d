/** The public rule that picks each step's batch: epochs of Fisher and Yates' permutations (spec/training.md, section 4). */
import { blake3 } from '@noble/hashes/blake3.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { InputError } from '../errors.ts'

const LABEL = utf8ToBytes('proofmark/sampling')
const SEED_BYTES = 32
/** The most examples of a data set. */
export const MAX_EXAMPLES = 2 ** 26
const WORDS = 2 ** 32
const BLOCK_BYTES = 4096

/** The 32-bit words of BLAKE3's output stream over label, seed and epoch. */
const words = (seed: Uint8Array, epoch: number): (() => number) => {
  const counter = new Uint8Array(8)
  new DataView(counter.buffer).setBigUint64(0, BigInt(epoch), true)
  const stream = blake3.create({}).update(concatBytes(LABEL, seed, counter))
  let block = new DataView(new ArrayBuffer(0))
  let at = 0
  return () => {
    if (at === block.byteLength) {
      const bytes = stream.xof(BLOCK_BYTES)
      block = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      at = 0
    }
    const word = block.getUint32(at, true)
    at += 4
    return word
  }
}

/** The order in which an epoch visits the examples: a permutation of 0 .. examples - 1. */
export const epochOrder = (seed: Uint8Array, examples: number, epoch: number): Uint32Array => {
  const order = Uint32Array.from({ length: examples }, (_, i) => i)
  const next = words(seed, epoch)
  for (let i = examples - 1; i > 0; i--) {
    const limit = WORDS - (WORDS % (i + 1))
    let r = next()
    while (r >= limit) r = next()
    const j = r % (i + 1)
    const swapped = order[i] as number
    order[i] = order[j] as number
    order[j] = swapped
  }
  return order
}

/** A window reaches over two epochs at most times, and steps come in order. */
const KEPT = 2
const kept: { seed: Uint8Array; examples: number; epoch: number; order: Uint32Array }[] = []

const keptOrder = (seed: Uint8Array, examples: number, epoch: number): Uint32Array => {
  const found = kept.find(
    k => k.epoch === epoch && k.examples === examples && k.seed.every((byte, i) => byte === seed[i]),
  )
  if (found) return found.order
  const order = epochOrder(seed, examples, epoch)
  kept.push({ seed: seed.slice(), examples, epoch, order })
  if (kept.length > KEPT) kept.shift()
  return order
}

/** @throws InputError naming what no epoch can be made of */
export const checkSampling = (seed: Uint8Array, examples: number, batch: number): void => {
  if (seed.length !== SEED_BYTES)
    throw new InputError('sampling seed', `${SEED_BYTES} bytes`, `${seed.length}`)
  if (!Number.isInteger(examples) || examples < 1 || examples > MAX_EXAMPLES)
    throw new InputError('examples', `an integer from 1 to ${MAX_EXAMPLES}`, `${examples}`)
  if (!Number.isInteger(batch) || batch < 1 || batch > examples)
    throw new InputError('batch', `an integer from 1 to the ${examples} examples of the data set`, `${batch}`)
}

/**
 * The examples of a step's batch, in order; all different.
 * @param seed 32 public bytes
 * @param examples n, the size of the data set
 * @param batch B, at most n
 * @param step counted from 0 over the whole run
 * @returns [B], entries in [0, n)
 * @throws InputError for a seed of another length, an empty data set, a batch larger than it, or a step that is no index
 */
export const batchIndices = (
  seed: Uint8Array,
  examples: number,
  batch: number,
  step: number,
): Uint32Array => {
  checkSampling(seed, examples, batch)
  if (!Number.isSafeInteger(step) || step < 0)
    throw new InputError('step', 'a non-negative integer', `${step}`)
  const perEpoch = Math.floor(examples / batch)
  const first = (step % perEpoch) * batch
  return keptOrder(seed, examples, Math.floor(step / perEpoch)).slice(first, first + batch)
}
