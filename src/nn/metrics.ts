/** How well logits predict a text, and how well two models agree. */
import { InputError } from '../errors.ts'

/** The first of the largest entries. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
}

/** Logits as rows of one position each. @throws InputError if their number is no multiple of the tokens' */
function rows(logits: ArrayLike<number>, count: number): Float64Array[] {
  const width = logits.length / count
  if (!(count > 0 && Number.isInteger(width))) {
    throw new InputError('logits', `a multiple of ${count} entries`, `${logits.length}`)
  }
  return Array.from({ length: count }, (_, i) =>
    Float64Array.from({ length: width }, (_, j) => logits[i * width + j]!),
  )
}

/** `-log softmax(row)[token]` in nats. */
function surprise(row: Float64Array, token: number): number {
  const top = row[argmax(row)]!
  return top - row[token]! + Math.log(row.reduce((s, l) => s + Math.exp(l - top), 0))
}

/**
 * Mean surprise of tokens 1.. given those before, in nats.
 * @param logits `[tokens.length, vocab]`, row i scoring what follows token i
 */
export function meanSurprise(logits: ArrayLike<number>, tokens: ArrayLike<number>): number {
  if (tokens.length < 2) throw new InputError('tokens', 'two or more', `${tokens.length}`)
  const predicting = rows(logits, tokens.length).slice(0, -1)
  return predicting.reduce((s, row, i) => s + surprise(row, tokens[i + 1]!), 0) / predicting.length
}

/** `exp(meanSurprise)`: vocab for a model that knows nothing, 1 for one that is always sure and right. */
export const perplexity = (logits: ArrayLike<number>, tokens: ArrayLike<number>): number =>
  Math.exp(meanSurprise(logits, tokens))

export interface Agreement {
  /** Share of positions at which both models would choose the same next token, in 0..1. */
  readonly nextToken: number
  /** Largest difference of two logits. */
  readonly maxDifference: number
  /** Mean Kullback-Leibler divergence of `b`'s next-token distribution from `a`'s, in nats. */
  readonly divergence: number
}

/**
 * Compares two models' logits `[positions, vocab]` on one sequence.
 * @param a the reference
 */
export function agreement(a: ArrayLike<number>, b: ArrayLike<number>, positions: number): Agreement {
  if (a.length !== b.length) throw new InputError('logits', `${a.length} entries`, `${b.length}`)
  const [left, right] = [rows(a, positions), rows(b, positions)]
  let [same, maxDifference, divergence] = [0, 0, 0]
  left.forEach((row, i) => {
    const other = right[i]!
    if (argmax(row) === argmax(other)) same++
    const [p, q] = [logProbabilities(row), logProbabilities(other)]
    row.forEach((l, j) => {
      maxDifference = Math.max(maxDifference, Math.abs(l - other[j]!))
      divergence += Math.exp(p[j]!) * (p[j]! - q[j]!)
    })
  })
  return { nextToken: same / positions, maxDifference, divergence: divergence / positions }
}

function logProbabilities(row: Float64Array): Float64Array {
  const top = row[argmax(row)]!
  const logSum = top + Math.log(row.reduce((s, l) => s + Math.exp(l - top), 0))
  return row.map(l => l - logSum)
}
