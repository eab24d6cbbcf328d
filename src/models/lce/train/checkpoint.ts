/** Training state on disk: a safetensors file and a log of JSON lines, replaced atomically, so that a killed run resumes. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../../errors.ts'
import { writeSafetensors } from '../../../import/safetensors-write.ts'
import type { FloatTensor } from '../../../import/tensor.ts'
import type { LceConfig } from '../config.ts'
import { configFields, readTensors, writeAtomic, writeWeights } from '../weights.ts'
import { curves } from './plot.ts'

/** One line of the log. */
export interface LogLine {
  readonly step: number
  /** Means since the line before of what was learnt from: errors, samples in [0, 1], and the blur's cross-entropy. */
  readonly srLoss?: number
  readonly clrLoss?: number
  readonly blurLoss?: number
  /** PSNR on held-out photographs with the averaged weights: of the result on Y, of the corrected image over RGB; dB. */
  readonly psnr: number
  readonly clrPsnr: number
  readonly rate: number
  /** Seconds of training so far. */
  readonly seconds: number
}

export type Tensors = ReadonlyMap<string, FloatTensor>

export interface TrainState {
  /** Parameters and Adam's moments by input name. */
  readonly tensors: Tensors
  /** Exponential averages of the parameters. */
  readonly averaged: Tensors
  /** The averages of the highest validation PSNR. */
  readonly best: Tensors
  readonly log: readonly LogLine[]
}

const AVERAGED = 'averaged:'
const BEST = 'best:'
const checkpointPath = (dir: string) => join(dir, 'checkpoint.safetensors')
const logPath = (dir: string) => join(dir, 'train.jsonl')

/** Saves the state, and for people the best weights (`model.safetensors`) and the curves (`curves.svg`). */
export function saveState(
  dir: string,
  config: LceConfig,
  { tensors, averaged, best, log }: TrainState,
): void {
  mkdirSync(dir, { recursive: true })
  const all = new Map(tensors)
  for (const [name, tensor] of averaged) all.set(AVERAGED + name, tensor)
  for (const [name, tensor] of best) all.set(BEST + name, tensor)
  // The step last: a log that is ahead of the checkpoint is cut, one behind it could not be completed.
  writeAtomic(logPath(dir), log.map(line => `${JSON.stringify(line)}\n`).join(''))
  const fields = { ...configFields(config), step: String(log.at(-1)?.step ?? 0) }
  writeAtomic(checkpointPath(dir), writeSafetensors(all, 'F32', fields))
  writeWeights(join(dir, 'model.safetensors'), { config, tensors: best })
  if (log.length > 1) writeAtomic(join(dir, 'curves.svg'), curves(log))
}

export const hasState = (dir: string): boolean => existsSync(checkpointPath(dir))

/** @throws InputError if the checkpoint is of another network */
export function loadState(dir: string, config: LceConfig): TrainState {
  const path = checkpointPath(dir)
  const { config: saved, tensors: all, metadata } = readTensors(path)
  for (const [key, value] of Object.entries(config)) {
    const got = saved[key as keyof LceConfig]
    if (got !== value) throw new InputError(`${path}: ${key}`, String(value), String(got))
  }
  const named = (prefix: string) =>
    new Map(
      [...all].flatMap(([n, t]) => (n.startsWith(prefix) ? [[n.slice(prefix.length), t] as const] : [])),
    )
  const plain = [...all].filter(([n]) => !n.startsWith(AVERAGED) && !n.startsWith(BEST))
  const lines = readFileSync(logPath(dir), 'utf8').split('\n').filter(Boolean)
  const log = lines
    .map(line => JSON.parse(line) as LogLine)
    .filter(line => line.step <= Number(metadata.step))
  return { tensors: new Map(plain), averaged: named(AVERAGED), best: named(BEST), log }
}
