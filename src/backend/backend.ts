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

/** The children of a fraction layer's nodes: `size` numerators and denominators left (0) and right (1), truncated. */
export interface Fractions {
  readonly size: number
  /** Both over F at the leaves, else over K. */
  readonly p0: FVec | KVec
  readonly p1: FVec | KVec
  readonly q0: KVec
  readonly q1: KVec
}
export interface FractionWeights {
  readonly lambda: K
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
  /** out[i] = constant + sum_k coef[k] data[index[k] * length + i], length that of `out`; past the end of `data` 0. */
  affine(out: KVec, constant: K, data: Source, index: Uint32Array, coef: KVec): void
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
  // A layer of n = 2^d fractions may be truncated: beyond the end of its arrays p is 0 and q is 1.
  /**
   * One level up: children of node i < half are i and i + half.
   * p'[i] = p[i] q[i+half] + p[i+half] q[i]; q'[i] = q[i] q[i+half], for the nodes with an entry below them.
   * `p` over F at the leaves (entries canonical), over K above; of the length of `q`, at most 2 half.
   */
  fractionUp(p: FVec | KVec, q: KVec, half: number): { p: KVec; q: KVec }
  /**
   * One round of sum_x eq(x) (p0 q1 + p1 q0 + lambda q0 q1)(x), binding the most significant variable, WITHOUT the eq
   * factor of that variable: h(t) = sum_{x'} eqHigh[x' >> logLow] eqLow[x' & (2^logLow - 1)] * (..)(t, x'), x' over
   * half of the tables. Returns [h(0), h(1), h(2)].
   */
  fractionRound(tables: Fractions, by: FractionWeights): K[]
  /**
   * Binds the most significant variable at r, and computes the round that follows where `by` is given. The result lies
   * in the memory of `tables`, which are lost.
   */
  fractionFold(tables: Fractions, r: K, by?: FractionWeights): { tables: Fractions; h: K[] }

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
