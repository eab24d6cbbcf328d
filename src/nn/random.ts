/** Seeded pseudo-random numbers for training and tests; never for proofs. */

/** Uniform in [0, 1), 32 random bits. */
export type Random = () => number

/** @param seed any integers; equal ones give equal sequences */
export function seeded(...seed: number[]): Random {
  // mulberry32 over a hashed seed: the period of 2^32 is ample for one step's draws.
  let state = seed.reduce((h, s) => Math.imul(h ^ s ^ (s >>> 15), 0x2c1b3c6d) + 0x9e3779b9, 0x85ebca6b) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Standard normal numbers (Box and Muller). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
