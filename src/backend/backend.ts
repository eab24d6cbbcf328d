/**
 * The prover's kernels: pure functions on typed arrays, without transcript or protocol. `portable.ts` is the
 * slow oracle in plain TypeScript, `native.ts` the C++20 addon; both implement this interface and must agree bit
 * for bit.
 *
 * Field elements are canonical (`< p`, p = 2^64 - 2^32 + 1). Vectors over K = F[x]/(x^2 - 7) are planar:
 * element i is `c0[i] + c1[i] x`. All multilinear tables bind their MOST significant variable first: the pair of
 * index i is (i, i + half).
 */

/** A vector over the base field F, canonical. */
export type FVec = BigUint64Array
/** A vector over the extension K, planar. */
export interface KVec {
  readonly c0: BigUint64Array
  readonly c1: BigUint64Array
}
/** An element of K: c0 + c1 x, canonical. */
export type K = readonly [bigint, bigint]
/** Integers read as field elements: signed entries map to themselves mod p; `BigUint64Array` is already canonical. */
export type Source = Int16Array | Int32Array | BigInt64Array | BigUint64Array
/** One factor of a product: base-field/integer entries or extension entries. */
export type Table = Source | KVec

/** The rows of one commitment: `rows` messages of `2^logRow` data entries, each followed by `tailLength` uniform ones. */
export interface RowMatrix {
  /** rows * 2^logRow entries, row-major; shorter data is read as zero-padded at its end. */
  readonly data: Source
  readonly rows: number
  readonly logRow: number
  /** rows * tailLength canonical entries, row-major: coefficients 2^logRow .. 2^logRow + tailLength - 1 of each row. */
  readonly tail: BigUint64Array
  readonly tailLength: number
}

/** Integer data under an affine map: entry i is constant + sum coef * data[at + i]; past the end of `data` 0. */
export interface Affine {
  readonly constant: K
  readonly terms: readonly { readonly coef: K; readonly data: Source; readonly at: number }[]
}
/** Leaves offset .. offset + length - 1 of a fraction tree: p/q. */
export interface LeafRange {
  readonly offset: number
  readonly length: number
  readonly p: Affine
  readonly q: Affine
}
/** The 2^depth leaves of a fraction tree: ranges by rising offset; leaves in none are 0/1. */
export interface Leaves {
  readonly depth: number
  readonly ranges: readonly LeafRange[]
}
/** 2^d fractions in memory. */
export interface Fractions {
  readonly p: KVec
  readonly q: KVec
}
/** A level of a fraction tree: in memory, or the 2^(depth - height) nodes `height` above leaves, computed when read. */
export type Level = Fractions | { readonly leaves: Leaves; readonly height: number }
/**
 * The tables of a layer. Its nodes' left children p0/q0 are the first half of the level below, the right children p1/q1
 * the second; u = p0 + lambda q0. p1 and q1 may be truncated to one length: beyond it they are 0 and 1.
 */
export interface LayerTables {
  readonly u: KVec
  readonly p1: KVec
  readonly q0: KVec
  readonly q1: KVec
}
export interface EqWeights {
  readonly eqHigh: KVec
  readonly eqLow: KVec
}

/** A matrix of integers. */
export interface Operand {
  readonly data: Int32Array | Float64Array
  readonly transposed: boolean
}

export interface Backend {
  readonly name: string

  /** A vector of zeros; large ones lie in memory that is cheap to touch for the first time. */
  zeros(length: number): FVec

  // -- Reed-Solomon commitment -------------------------------------------------------------------------------
  /**
   * Encodes every row (as coefficients of a polynomial of degree < 2^logRow + tailLength <= 2^logDomain) on the
   * subgroup of order n = 2^logDomain, hashes column k into leaf k, and builds the tree.
   *
   * Leaf k (k = coset * 2^logRow + i, coset < n / 2^logRow) is the column at the point w_n^e with
   * e = coset + (n >> logRow) * bitReverse(i, logRow); w_n is the canonical root of unity (7^((p-1)/n)).
   * Bytes: u64 little-endian, row after row, in groups of at most 128 rows (1024 bytes): with one group, leaf =
   * leafHash(bytes); with more, leaf = leafHash(concatenation of leafHash(group)). leafHash and nodeHash are BLAKE3
   * keyed with LEAF_KEY and NODE_KEY and cut to 26 bytes. node = nodeHash(left || right), 52 bytes.
   *
   * @returns the tree: (2n - 1) digests at a stride of 32 bytes (26 used, 6 zero), leaves first, then each level up,
   *   the root last.
   */
  commit(rows: RowMatrix, logDomain: number): Uint8Array
  /**
   * The columns of the encoding at some leaves, recomputed from the rows (remainder tree, no stored codeword).
   * @returns leaves.length * rows entries, column after column.
   */
  columns(rows: RowMatrix, logDomain: number, leaves: Uint32Array): BigUint64Array

  // -- linear algebra between integer data and K ---------------------------------------------------------------
  /** sum_k coef[k] * data[index[k]*width .. +width], over K; reads past the end of `data` are zero. */
  combine(data: Source, width: number, index: Uint32Array, coef: KVec): KVec
  /** For each k: <data[index[k]*width .. +width], weights>; reads past the end of `data` are zero. */
  dot(data: Source, width: number, index: Uint32Array, weights: KVec): KVec

  // -- vectors over K ---------------------------------------------------------------------------------------------
  /** Tensor product: out[i] = scale * prod_b (bit b of i, b = 0 the most significant, ? weights[2b+1] : weights[2b]). */
  expand(weights: readonly K[], scale: K): KVec
  /** y += a * x, x over F, integers or K; y and x of one length. */
  axpy(y: KVec, a: K, x: Table): void
  /** y[i] += a. */
  addScalar(y: KVec, a: K): void
  /** out[i] = v[i] + r (v[i + half] - v[i]); half = length / 2. */
  fold(v: Table, r: K): KVec

  // -- sumcheck rounds -----------------------------------------------------------------------------------------------
  /**
   * The round polynomial of sum_x prod_f factors[f](x) in the most significant variable of x:
   * its values at 0, 1, .., degree (degree = factors.length, 1..4), before binding. All factors of one even length.
   */
  productRound(factors: readonly Table[]): K[]
  /** sum_x prod_f factors[f](x), any length. */
  productSum(factors: readonly Table[]): K
  /** In place of `fold` for many short pairs: sum over pairs of the inner-product round [g(0), g(1), g(2)]. */
  innerRound(pairs: readonly (readonly [KVec, KVec])[]): K[]

  // -- fraction tree (GKR of Papini-Haboeck) -------------------------------------------------------------------------
  /** Computes a level into `out`. */
  fractionLevel(level: Level, out: Fractions): void
  /** The level above, half as long: p'[i] = p[i] q[i+half] + p[i+half] q[i]; q'[i] = q[i] q[i+half]. */
  fractionUp(level: Fractions, out: Fractions): void
  /**
   * Round bound.length of the layer above `level`: sum_x eq(x) (u q1 + p1 q0)(x), the most significant variables of x bound
   * at `bound` and the next one binding, WITHOUT the eq factors of all these:
   * h(t) = sum_{x'} eqHigh[x' >> logLow] eqLow[x' & (2^logLow - 1)] * (..)(t, x').
   * Returns h(0) and the leading coefficient of h, of degree 2; nothing without `by`. Writes the bound tables where they
   * are given; they may lie over the start of the level's own halves, which are then lost.
   */
  fractionStart(level: Level, lambda: K, bound: readonly K[], by?: EqWeights, tables?: LayerTables): K[]
  /** Binds the next variable at r, in place, and computes the round that follows where `by` is given. */
  fractionFold(tables: LayerTables, r: K, by?: EqWeights): { tables: LayerTables; h: K[] }

  // -- integer execution -----------------------------------------------------------------------------------------------
  /** out[i*n + j] = sum_k a[i*k + ..] * w[j*k + ..]: a is m x k, w is n x k (both row-major), exact in 64 bits. */
  matmul(
    a: Int32Array | Int16Array,
    w: Int32Array | Int16Array,
    m: number,
    n: number,
    k: number,
  ): BigInt64Array
  /**
   * out[i n + j] += sum_t y(i, t) x(j, t) of integers in doubles: exact, on every engine, where for all i and j
   * |out[i n + j]| + sum_t |y(i, t) x(j, t)| <= 2^53. y is m x k and x is n x k, row-major; k x m and k x n where transposed.
   */
  addProduct(out: Float64Array, y: Operand, x: Operand, m: number, n: number, k: number): void
  /** The largest sum over t of |y(i, t)|, y as above: exact up to 2^53. */
  rowNorm(y: Operand, m: number, k: number): number
  /** counts[v - low] += 1 for each entry v of data; throws RangeError naming the first entry outside. */
  histogram(data: Int32Array, low: number, counts: Uint32Array): void

  // -- hashing -----------------------------------------------------------------------------------------------------------
  /**
   * The smallest nonce such that the first 8 bytes (little-endian) of BLAKE3(seed (32 bytes) || nonce (u64 LE)) are
   * below 2^(64 - bits).
   */
  grind(seed: Uint8Array, bits: number): bigint
}

/** BLAKE3 keys of leaves and nodes: the ASCII label, zero-padded to 32 bytes. */
export const LEAF_KEY_LABEL = 'proofmark/merkle/leaf'
export const NODE_KEY_LABEL = 'proofmark/merkle/node'
/** Bytes of a Merkle digest (104-bit collision resistance) and its stride in memory. */
export const DIGEST_BYTES = 26
export const DIGEST_STRIDE = 32
