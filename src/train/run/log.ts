import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { writeAtomic } from '../../state/durable.ts'

/** One line of the training log. */
export interface LogEntry {
  readonly step: number
  /** Means over the step's batch, before its update. */
  readonly loss: number
  readonly accuracy: number
  /** Of training, without the proof. */
  readonly seconds: number
}

/** Adds lines. It is a record for people: nothing depends on it, and a power failure may take its end. */
export function appendLog(path: string, entries: readonly LogEntry[]): void {
  appendFileSync(path, entries.map(entry => `${JSON.stringify(entry)}\n`).join(''), { mode: 0o600 })
}

/** Drops the lines of steps from `step` on, which will be trained again, and any torn one. */
export function cutLog(path: string, step: number): LogEntry[] {
  if (!existsSync(path)) return []
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      try {
        const entry = JSON.parse(line) as LogEntry
        return typeof entry.step === 'number' && entry.step < step ? [entry] : []
      } catch {
        return []
      }
    })
  writeAtomic(path, kept.map(entry => `${JSON.stringify(entry)}\n`).join(''), 0o600)
  return kept
}
