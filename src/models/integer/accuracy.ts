/** How close an integer model stays to the float model that it was quantised from. */
import { InputError } from '../../errors.ts'
import { agreement, meanSurprise } from '../../nn/metrics.ts'
import type { FloatModel } from '../float/index.ts'
import type { IntegerModel } from './model.ts'

export interface Accuracy {
  readonly perplexityFloat: number
  readonly perplexityInteger: number
  /** |integer - float| / float of the perplexities. */
  readonly perplexityDifference: number
  /** Share of positions at which both models choose the same next token, in 0..1. */
  readonly agreement: number
  /** Largest difference of two logits. */
  readonly maxLogitError: number
  /** Positions compared. */
  readonly tokens: number
}

/**
 * Windows of `length` tokens spread evenly over a text from its first token to its last; the whole text if it is shorter.
 * @param count at most this many, and no more than fit beside each other
 */
export const textWindows = (tokens: readonly number[], length: number, count: number): number[][] => {
  if (tokens.length <= length) return [[...tokens]]
  const windows = Math.max(1, Math.min(count, Math.floor(tokens.length / length)))
  const step = windows > 1 ? (tokens.length - length) / (windows - 1) : 0
  return Array.from({ length: windows }, (_, i) =>
    tokens.slice(Math.floor(i * step), Math.floor(i * step) + length),
  )
}

/**
 * Runs both models over every window and compares all positions.
 * @param windows each of at least two tokens, at most the model's context
 * @param onWindow told after each window; may throw to stop
 * @throws InputError where the integer model overflows
 */
export const measureAccuracy = async (
  integer: IntegerModel,
  float: FloatModel,
  windows: readonly (readonly number[])[],
  onWindow?: (done: number, total: number) => void | Promise<void>,
): Promise<Accuracy> => {
  if (windows.length === 0) throw new InputError('windows', 'one or more', '0')
  let [surpriseFloat, surpriseInteger, predicted, same, tokens, maxLogitError] = [0, 0, 0, 0, 0, 0]
  for (const [i, window] of windows.entries()) {
    const expected = await float.logits(window)
    const actual = integer.logits(window)
    const pairs = window.length - 1
    surpriseFloat += pairs * meanSurprise(expected, window)
    surpriseInteger += pairs * meanSurprise(actual, window)
    predicted += pairs
    const { nextToken, maxDifference } = agreement(expected, actual, window.length)
    same += nextToken * window.length
    tokens += window.length
    maxLogitError = Math.max(maxLogitError, maxDifference)
    await onWindow?.(i + 1, windows.length)
  }
  const perplexityFloat = Math.exp(surpriseFloat / predicted)
  const perplexityInteger = Math.exp(surpriseInteger / predicted)
  return {
    perplexityFloat,
    perplexityInteger,
    perplexityDifference: Math.abs(perplexityInteger / perplexityFloat - 1),
    agreement: same / tokens,
    maxLogitError,
    tokens,
  }
}
