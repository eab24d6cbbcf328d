/** Merkle openings of many leaves at once; the verifier's hashing (keyed BLAKE3, 26-byte digests). */
import { blake3 } from '@noble/hashes/blake3.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { Rejection } from '../proof/rejection.ts'

export const DIGEST_BYTES = 26
const GROUP_BYTES = 1024

const key = (label: string): Uint8Array => {
  const out = new Uint8Array(32)
  out.set(utf8ToBytes(label))
  return out
}
const LEAF_KEY = key('proofmark/merkle/leaf')
const NODE_KEY = key('proofmark/merkle/node')

const leafHash = (bytes: Uint8Array): Uint8Array => blake3(bytes, { key: LEAF_KEY }).slice(0, DIGEST_BYTES)
export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  blake3(concatBytes(left, right), { key: NODE_KEY }).slice(0, DIGEST_BYTES)

/** Digest of one column of field elements, hashed in groups of 128. */
export const hashColumn = (column: readonly bigint[]): Uint8Array => {
  const bytes = new Uint8Array(8 * column.length)
  const view = new DataView(bytes.buffer)
  column.forEach((v, i) => {
    view.setBigUint64(8 * i, v, true)
  })
  if (bytes.length <= GROUP_BYTES) return leafHash(bytes)
  const groups: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += GROUP_BYTES) groups.push(leafHash(bytes.subarray(at, at + GROUP_BYTES)))
  return leafHash(concatBytes(...groups))
}

export const uniqueSorted = (indices: readonly number[]): number[] => [...new Set(indices)].sort((a, b) => a - b)

/**
 * Walks the tree above `leaves` (sorted, distinct), asking `sibling(level, index)` for each digest that the known
 * ones do not imply, in a fixed order.
 */
const climb = (
  leaves: readonly number[],
  digests: readonly Uint8Array[],
  logLeaves: number,
  sibling: (level: number, index: number) => Uint8Array,
): Uint8Array => {
  let indices = leaves
  let known = digests
  for (let level = 0; level < logLeaves; level++) {
    const nextIndices: number[] = []
    const nextKnown: Uint8Array[] = []
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number
      const own = known[i] as Uint8Array
      const paired = index % 2 === 0 && indices[i + 1] === index + 1
      const other = paired ? (known[++i] as Uint8Array) : sibling(level, index % 2 === 0 ? index + 1 : index - 1)
      nextKnown.push(index % 2 === 0 ? nodeHash(own, other) : nodeHash(other, own))
      nextIndices.push(Math.floor(index / 2))
    }
    indices = nextIndices
    known = nextKnown
  }
  return known[0] as Uint8Array
}

/** The siblings that an opening of these leaves sends, in order. */
export const openSiblings = (tree: Uint8Array, stride: number, logLeaves: number, leaves: readonly number[]): Uint8Array[] => {
  const starts: number[] = [0]
  for (let level = 0; level < logLeaves; level++) starts.push((starts[level] ?? 0) + 2 ** (logLeaves - level))
  const at = (level: number, index: number): Uint8Array => {
    const offset = ((starts[level] ?? 0) + index) * stride
    return tree.slice(offset, offset + DIGEST_BYTES)
  }
  const out: Uint8Array[] = []
  climb(leaves, leaves.map(i => at(0, i)), logLeaves, (level, index) => {
    const digest = at(level, index)
    out.push(digest)
    return digest
  })
  return out
}

export const verifyColumns = (
  at: string,
  root: Uint8Array,
  logLeaves: number,
  leaves: readonly number[],
  columns: readonly (readonly bigint[])[],
  nextSibling: () => Uint8Array,
): void => {
  const got = climb(leaves, columns.map(hashColumn), logLeaves, nextSibling)
  if (!got.every((byte, i) => byte === root[i])) throw new Rejection(at, 'the Merkle paths do not lead to the root')
}

/** The root of a tree as laid out by the prover's backend. */
export const treeRoot = (tree: Uint8Array, stride: number): Uint8Array =>
  tree.slice(tree.length - stride, tree.length - stride + DIGEST_BYTES)
