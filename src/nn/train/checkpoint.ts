/** Training state on disk: one safetensors file, replaced atomically, so that a killed run resumes where it was. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openWeights } from '../../import/safetensors.ts'
import { writeSafetensors } from '../../import/safetensors-write.ts'
import type { FloatTensor } from '../../import/tensor.ts'

/** One line of the training log: losses in nats per token, the training loss a mean since the line before. */
export interface Progress {
  readonly step: number
  readonly trainLoss: number
  readonly valLoss: number
  /** Wall time of training so far. */
  readonly seconds: number
}

export interface TrainState {
  /** Parameters and Adam moments by input name. */
  readonly tensors: ReadonlyMap<string, FloatTensor>
  /** Parameters of the lowest validation loss. */
  readonly best: ReadonlyMap<string, FloatTensor>
  readonly history: readonly Progress[]
}

const BEST = 'best:'
const HISTORY = 'history'
const dirOf = (out: string) => join(out, 'checkpoint')

/** Writes beside the target first, so that a reader finds either the old file or the new one. */
export function writeAtomic(path: string, bytes: Uint8Array | string): void {
  writeFileSync(`${path}.tmp`, bytes)
  renameSync(`${path}.tmp`, path)
}

export function saveCheckpoint(out: string, state: TrainState): void {
  const rows = state.history.flatMap(p => [p.step, p.trainLoss, p.valLoss, p.seconds])
  const all = new Map<string, FloatTensor>(state.tensors)
  for (const [name, tensor] of state.best) all.set(BEST + name, tensor)
  all.set(HISTORY, { shape: [state.history.length, 4], data: Float32Array.from(rows) })
  mkdirSync(dirOf(out), { recursive: true })
  writeAtomic(join(dirOf(out), 'model.safetensors'), writeSafetensors(all))
}

/** @returns nothing if there is no checkpoint */
export function loadCheckpoint(out: string): TrainState | undefined {
  if (!existsSync(join(dirOf(out), 'model.safetensors'))) return undefined
  const store = openWeights(dirOf(out))
  try {
    const names = store.names().filter(name => name !== HISTORY)
    const rows = store.read(HISTORY).data
    const history = Array.from({ length: rows.length / 4 }, (_, i) => {
      const [step, trainLoss, valLoss, seconds] = rows.subarray(4 * i) as unknown as [
        number,
        number,
        number,
        number,
      ]
      return { step, trainLoss, valLoss, seconds }
    })
    const pick = (keep: boolean) => names.filter(n => n.startsWith(BEST) === keep)
    return {
      tensors: new Map(pick(false).map(n => [n, store.read(n)])),
      best: new Map(pick(true).map(n => [n.slice(BEST.length), store.read(n)])),
      history,
    }
  } finally {
    store.close()
  }
}

export const dropCheckpoint = (out: string): void => rmSync(dirOf(out), { recursive: true, force: true })
