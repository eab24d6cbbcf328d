import type { Progress } from './api.ts'
import type { Stream } from './context.ts'
import { duration } from './output.ts'

/** Milliseconds between two redraws, and between two plain lines of one stage. */
const REDRAW = 100
const PLAIN = 5000
/** Milliseconds of a stage before its speed says anything. */
const WARM_UP = 500

export interface ProgressView {
  onProgress(progress: Progress): void
  /** Removes the line, so that other output starts on a clean one. To be called before anything else is printed. */
  clear(): void
}

/**
 * Shows progress on stderr: on a terminal one line that is redrawn, else a plain line at the start of each stage and
 * every five seconds.
 * @param now a clock in milliseconds
 */
export function createProgress(
  stream: Stream,
  quiet: boolean,
  now: () => number = () => performance.now(),
): ProgressView {
  if (quiet) return { onProgress() {}, clear() {} }
  let stage: string | undefined
  let started = 0
  // Work done before the stage was first seen took no time of this process.
  let before = 0
  let shown = 0
  let drawn = false

  return {
    onProgress(progress) {
      const time = now()
      const fresh = progress.stage !== stage
      if (fresh) {
        stage = progress.stage
        started = time
        before = progress.done
      }
      const complete = progress.done >= progress.total
      if (!fresh && !(complete && stream.isTTY) && time - shown < (stream.isTTY ? REDRAW : PLAIN)) return
      shown = time
      const text = line(progress, before, time - started)
      if (!stream.isTTY) stream.write(`${text}\n`)
      else {
        stream.write(`\r\x1b[K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`)
        drawn = true
      }
    },
    clear() {
      if (drawn) stream.write('\r\x1b[K')
      drawn = false
    },
  }
}

/** "proving layer 3: 42 %, 12 s left, loss 0.31". */
function line({ stage, done, total, detail }: Progress, before: number, elapsed: number): string {
  const more = detail === undefined ? '' : `, ${detail}`
  if (!(total > 0)) return `${stage}${more}`
  const share = Math.min(1, Math.max(0, done / total))
  const left =
    done > before && share < 1 && elapsed >= WARM_UP
      ? `, ${duration(((elapsed / (done - before)) * (total - done)) / 1000)} left`
      : ''
  return `${stage}: ${Math.floor(share * 100)} %${left}${more}`
}
