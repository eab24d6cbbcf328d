/** Quantises a checkpoint on disk: chooses scales on a text, writes the integer model and measures how close it is. */
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { loadBackend } from '../../backend/index.ts'
import { InputError } from '../../errors.ts'
import { type Checkpoint, loadCheckpoint } from '../../import/checkpoint.ts'
import { loadTokenizer, type TextTokenizer } from '../../import/tokenizer.ts'
import { FloatModel } from '../float/index.ts'
import { type Accuracy, measureAccuracy, textWindows } from './accuracy.ts'
import { calibrate } from './calibrate.ts'
import type { ModelDescription } from './description.ts'
import { IntegerModel } from './model.ts'
import { saveModel } from './store.ts'
import { floatWeight } from './weights.ts'

/** Tokens of a window, and windows that choose the scales and that measure the result. */
const WINDOW = 128
const WINDOWS = 4
const FEWEST_TOKENS = 8
const COPIED = ['config.json', 'tokenizer.json', 'tokenizer_config.json']
const MIN_BITS = 8
const MAX_BITS = 16

export interface CalibrateOptions {
  /** Bits of an activation, 8 .. 16; 16 if absent. */
  readonly bits?: number
  readonly signal?: AbortSignal
  onProgress?(progress: { stage: string; done: number; total: number }): void
}

/** What was written, and how close the integer model is to the float one on windows of the text. */
export interface CalibrationReport {
  readonly [key: string]: unknown
  readonly files: string[]
  readonly perplexity_float: number
  readonly perplexity_integer: number
  /** Relative. */
  readonly perplexity_difference: number
  /** Share of positions with the same next token. */
  readonly agreement: number
  readonly max_logit_error: number
  /** Positions compared. */
  readonly tokens: number
  readonly residual_bits: number
  readonly activation_bits: number
}

/** Windows of a text, each with the tokens that the tokenizer puts before every text. */
const windowsOf = (tokenizer: TextTokenizer, text: string, context: number): number[][] => {
  const plain = tokenizer.encode(text, { addSpecial: false })
  if (plain.length < FEWEST_TOKENS) {
    throw new InputError('text', `at least ${FEWEST_TOKENS} tokens to calibrate on`, `${plain.length}`)
  }
  const full = tokenizer.encode(text)
  const start = full.slice(
    0,
    Math.max(
      0,
      full.findIndex((_, i) => plain.every((t, j) => full[i + j] === t)),
    ),
  )
  const length = Math.max(1, Math.min(WINDOW, context) - start.length)
  return textWindows(plain, length, 2 * WINDOWS).map(window => [...start, ...window])
}

/** A model quantised in memory, and its accuracy on windows that did not choose its scales, if the text has such. */
export const quantiseCheckpoint = async (
  checkpoint: Checkpoint,
  windows: readonly (readonly number[])[],
  { bits = MAX_BITS, signal, onProgress }: CalibrateOptions = {},
): Promise<{ description: ModelDescription; weights: Map<string, Int16Array>; accuracy: Accuracy }> => {
  if (!(Number.isInteger(bits) && bits >= MIN_BITS && bits <= MAX_BITS)) {
    throw new InputError('bits', `${MIN_BITS} to ${MAX_BITS}`, `${bits}`)
  }
  const step = async (stage: string, done: number, total: number): Promise<void> => {
    onProgress?.({ stage, done, total })
    // Lets a signal arrive between two long computations.
    await setImmediate()
    signal?.throwIfAborted()
  }
  const { config } = checkpoint
  const backend = loadBackend()
  await step('calibrate', 0, 1)
  const read = (name: string, shape: readonly number[]) =>
    floatWeight(config, n => checkpoint.read(n), name, shape)
  const { description, weights } = calibrate(
    backend,
    config,
    read,
    windows.filter((_, i) => i % 2 === 0),
    bits,
  )
  await step('calibrate', 1, 1)
  const others = windows.filter((_, i) => i % 2 === 1)
  const float = new FloatModel(config, new Map(checkpoint.names().map(name => [name, checkpoint.read(name)])))
  try {
    const integer = new IntegerModel(description, weights, backend)
    const measured = others.length > 0 ? others : windows
    const accuracy = await measureAccuracy(integer, float, measured, (done, total) =>
      step('compare', done, total),
    )
    return { description, weights, accuracy }
  } finally {
    await float.release()
  }
}

/**
 * @param dir a model directory in the Hugging Face layout
 * @param text UTF-8 text like the one the model will see
 * @param outDir an existing, writable directory; gets the integer model and copies of the files that describe it
 * @throws InputError naming the argument or file that is wrong; the signal's reason once it is aborted
 */
export const calibrateModel = async (
  dir: string,
  text: string,
  outDir: string,
  options: CalibrateOptions = {},
): Promise<CalibrationReport> => {
  const checkpoint = loadCheckpoint(dir)
  try {
    const windows = windowsOf(loadTokenizer(dir), text, checkpoint.config.maxPositions)
    const { description, weights, accuracy } = await quantiseCheckpoint(checkpoint, windows, options)
    const files = saveModel(outDir, description, weights)
    for (const name of COPIED.filter(n => existsSync(join(dir, n)))) {
      copyFileSync(join(dir, name), join(outDir, name))
      files.push(join(outDir, name))
    }
    return { files, ...reportOf(description, accuracy) }
  } finally {
    checkpoint.close()
  }
}

const reportOf = (description: ModelDescription, accuracy: Accuracy) => ({
  perplexity_float: accuracy.perplexityFloat,
  perplexity_integer: accuracy.perplexityInteger,
  perplexity_difference: accuracy.perplexityDifference,
  agreement: accuracy.agreement,
  max_logit_error: accuracy.maxLogitError,
  tokens: accuracy.tokens,
  residual_bits: description.residualBits,
  activation_bits: description.activationBits,
})
