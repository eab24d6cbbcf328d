/**
 * Proven soundness of the code-based steps, round by round: list decoding up to the Johnson radius and mutual
 * correlated agreement of lines (Ben-Sasson, Carmon, Haboeck, Kopparty, Saraf, eprint 2025/2055, theorem 4.2; the
 * form of ethereum/soundcalc). No capacity conjecture is used (spec/soundness.md).
 */
import { InternalError } from '../errors.ts'

/** log2 |K|, rounded down. */
export const FIELD_BITS = 127.99
export const SECURITY_BITS = 100
/** Proof of work of a query phase, and the most for any one folding challenge. */
export const QUERY_POW_BITS = 20
export const MAX_FOLD_POW_BITS = 18

export interface CodeSoundness {
  /** Proximity parameter m of the Johnson bound: gap sqrt(rate) / (2 m). */
  readonly m: number
  readonly queries: number
  readonly queryPowBits: number
  /** Proof of work before each challenge that folds rows of this code. */
  readonly foldPowBits: number
  /** log2 of the list size within the decoding radius. */
  readonly listBits: number
  /** Bits of a fold without proof of work, and of the queries with it. */
  readonly foldBits: number
  readonly queryBits: number
}

/** -log2 of the error of one line fold for a code of rate `rate` on `n` points with parameter m. */
export const lineBits = (rate: number, n: number, m: number): number => {
  const shifted = m + 0.5
  const root = Math.sqrt(rate)
  const radius = 1 - root - root / (2 * m)
  const count = ((2 * shifted ** 5 + 3 * shifted * radius * rate) / (3 * rate * root)) * n + shifted / root
  return FIELD_BITS - Math.log2(count)
}

/**
 * The cheapest parameters of one code.
 * @param degree length of the messages
 * @param logDomain log2 of the evaluation points
 * @throws InternalError when no parameters reach the target: fails closed.
 */
export const codeSoundness = (degree: number, logDomain: number, target = SECURITY_BITS): CodeSoundness => {
  const n = 2 ** logDomain
  const rate = degree / n
  let best: CodeSoundness | undefined
  for (let m = 1; m <= 32; m++) {
    const root = Math.sqrt(rate)
    const agreement = root + root / (2 * m)
    if (agreement >= 1) continue
    // The gap sqrt(rate) / (2 m) costs a multiplicity of 2 m for mutual agreement, at least 3 (spec/soundness.md).
    const foldBits = lineBits(rate, n, Math.max(2 * m, 3))
    const foldPowBits = Math.max(0, Math.ceil(target - foldBits))
    if (foldPowBits > MAX_FOLD_POW_BITS) continue
    const perQuery = -Math.log2(agreement)
    const queries = Math.ceil((target - QUERY_POW_BITS) / perQuery)
    const found: CodeSoundness = {
      m,
      queries,
      queryPowBits: QUERY_POW_BITS,
      foldPowBits,
      listBits: Math.log2((m + 0.5) / root),
      foldBits,
      queryBits: queries * perQuery + QUERY_POW_BITS,
    }
    if (!best || found.queries < best.queries) best = found
  }
  if (!best) throw new InternalError(`no sound parameters for messages of ${degree} on 2^${logDomain} points`)
  return best
}
