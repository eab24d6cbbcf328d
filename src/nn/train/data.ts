/** Training windows of a tokenized text. */
import { InputError } from '../../errors.ts'
import type { Random } from '../random.ts'

export interface Batch {
  /** `[rows, length]` */
  readonly tokens: Int32Array
  /** The token after each of `tokens`, `[rows, length]`. */
  readonly targets: Int32Array
}

/** Splits off the last `fraction` of a text at a blank line, for validation. */
export function splitText(text: string, fraction: number): [train: string, validation: string] {
  const cut = text.indexOf('\n\n', Math.floor(text.length * (1 - fraction)))
  if (cut < 0) throw new InputError('text', 'a blank line in its last part', 'none')
  return [text.slice(0, cut + 2), text.slice(cut + 2)]
}

/** Positions after a blank line, where a speech starts. @param newline the token of one line end */
export function speechStarts(ids: Int32Array, newline: number): number[] {
  const starts = [0]
  for (let i = 2; i < ids.length; i++) {
    if (ids[i - 1] === newline && ids[i - 2] === newline) starts.push(i)
  }
  return starts
}

/**
 * Random windows. Half of them start with a speech and have the `start` token before it, so that the model can
 * begin from nothing; the others start anywhere, so that it can go on from any prompt.
 */
export function sampleBatch(
  ids: Int32Array,
  starts: readonly number[],
  start: number,
  rows: number,
  length: number,
  random: Random,
): Batch {
  const tokens = new Int32Array(rows * length)
  const targets = new Int32Array(rows * length)
  const last = ids.length - length - 1
  const usable = starts.filter(s => s <= last)
  for (let row = 0; row < rows; row++) {
    const speech = random() < 0.5
    const at = speech ? usable[Math.floor(random() * usable.length)]! : Math.floor(random() * (last + 1))
    const window = speech
      ? Int32Array.of(start, ...ids.subarray(at, at + length))
      : ids.subarray(at, at + length + 1)
    tokens.set(window.subarray(0, length), row * length)
    targets.set(window.subarray(1), row * length)
  }
  return { tokens, targets }
}

/** The text cut into consecutive windows, in batches of `rows`; the rest that does not fill a batch is left out. */
export function consecutiveBatches(ids: Int32Array, rows: number, length: number): Batch[] {
  const count = Math.floor((ids.length - 1) / (rows * length))
  return Array.from({ length: count }, (_, i) => {
    const at = i * rows * length
    return { tokens: ids.slice(at, at + rows * length), targets: ids.slice(at + 1, at + 1 + rows * length) }
  })
}
