/** What the attacks share. Tests only. */
import type { WindowFixture } from '../fixture.ts'
import type { Cheat, Kernels } from './forge.ts'

export interface Attack {
  readonly name: string
  readonly fixture: WindowFixture
  readonly cheat: Cheat
  /** Relations and lookups that are false, in program order. */
  readonly fires: readonly string[]
}

export const updates = (names: readonly string[], ...kinds: readonly string[]): string[] =>
  names.flatMap(name => kinds.map(kind => `${name}:${kind}`))

export const changed = <A extends Int32Array | Float64Array>(
  values: A,
  i: number,
  f: (x: number) => number,
): A => {
  const out = values.slice() as A
  out[i] = f(out[i] as number)
  return out
}

/** An example whose label is not 0 and whose logits differ. */
export const exampleOf = ({ batches, run, spec }: WindowFixture): number => {
  const { classes } = spec.config
  const d = run.values.softmax?.d ?? new Int32Array(0)
  const found = batches.labels.findIndex(
    (label, i) => label !== 0 && d.subarray(i * classes, (i + 1) * classes).some(x => x !== 0),
  )
  if (found < 0) throw new RangeError('no such example')
  return found
}

/** The last stage's gz [O, B] of an example moved by `by`. */
export const logitGradient = (
  { window, spec }: WindowFixture,
  example: number,
  by: readonly number[],
): Kernels => {
  const last = window.stages.length - 1
  return {
    gz: (l, t, gz) => {
      if (l !== last || t > 0) return gz
      const out = gz.slice()
      by.forEach((delta, o) => {
        const at = o * spec.config.batch + example
        out[at] = (out[at] as number) + delta
      })
      return out
    },
  }
}
