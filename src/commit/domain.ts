/** The evaluation points behind the leaves of a code (see Backend.commit). */
import { type F, fPow, rootOfUnity } from '../field/goldilocks.ts'

const bitReverse = (value: number, bits: number): number => {
  let out = 0
  for (let b = 0; b < bits; b++) out = out * 2 + (Math.floor(value / 2 ** b) % 2)
  return out
}

/** Leaf k lies at w_n^(coset + (n / 2^logRow) * bitReverse(i)), k = coset * 2^logRow + i. */
export const leafPoint = (leaf: number, logRow: number, logDomain: number): F => {
  const coset = Math.floor(leaf / 2 ** logRow)
  const exponent = coset + 2 ** (logDomain - logRow) * bitReverse(leaf % 2 ** logRow, logRow)
  return fPow(rootOfUnity(logDomain), BigInt(exponent))
}
