/** Shape arithmetic of the float graph. */
import { InputError } from '../errors.ts'
import type { Shape } from './op.ts'

/** Number of entries. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1)

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

/** NumPy broadcasting of two shapes, aligned at the last axis. */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const m = a[a.length - rank + i] ?? 1
    const n = b[b.length - rank + i] ?? 1
    if (m !== n && m !== 1 && n !== 1) throw new InputError('shape', `[${a}] to broadcast`, `[${b}]`)
    return m === 1 ? n : m
  })
}

/** Axes of `to` along which `from`, aligned at the last axis, was repeated or is missing. */
export function repeatedAxes(from: Shape, to: Shape): number[] {
  const lead = to.length - from.length
  return to.flatMap((n, i) => (i < lead || (from[i - lead] === 1 && n !== 1) ? [i] : []))
}

/** Shape of a product over the last two axes. @throws InputError when the inner extents differ */
export function matmulShape(a: Shape, b: Shape, transA: boolean, transB: boolean): number[] {
  if (a.length < 2 || b.length < 2) throw new InputError('matmul', 'rank 2 or more', `[${a}] and [${b}]`)
  const [m, k] = tail(a, transA)
  const [k2, n] = tail(b, transB)
  if (k !== k2) throw new InputError('matmul', `inner extent ${k}`, `${k2} ([${a}] and [${b}])`)
  return [...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), m, n]
}

function tail(shape: Shape, trans: boolean): [number, number] {
  const rows = shape.at(-2)!
  const cols = shape.at(-1)!
  return trans ? [cols, rows] : [rows, cols]
}

/** `axis` counted from the front; negative axes count from the back. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw new InputError('axis', `-${rank}..${rank - 1}`, `${axis}`)
  return at
}
