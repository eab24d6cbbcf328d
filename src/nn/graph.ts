/**
 * A float graph: nodes refer to their arguments, shapes are static and checked while building. The same nodes are
 * emitted to ONNX (`onnx.ts`) and differentiated (`reverse.ts`).
 */
import { InputError } from '../errors.ts'
import type { BinaryKind, DType, Op, Shape, UnaryKind } from './op.ts'
import { axisOf, broadcastShapes, matmulShape, sameShape, sizeOf } from './shape.ts'

export interface Node {
  readonly op: Op
  readonly args: readonly Node[]
  readonly shape: Shape
  readonly dtype: DType
}

const make = (op: Op, args: readonly Node[], shape: Shape, dtype: DType = 'f32'): Node => ({
  op,
  args,
  shape,
  dtype,
})

export const input = (name: string, shape: Shape, dtype: DType = 'f32'): Node =>
  make({ kind: 'input', name }, [], shape, dtype)

/** @param data row-major, as many entries as the shape has */
export function constant(data: Float32Array | Int32Array, shape: Shape): Node {
  if (data.length !== sizeOf(shape))
    throw new InputError('constant', `${sizeOf(shape)} entries`, `${data.length}`)
  return make({ kind: 'const', data }, [], shape, data instanceof Int32Array ? 'i32' : 'f32')
}
export const scalar = (value: number): Node => constant(Float32Array.of(value), [])

const unary = (kind: UnaryKind) => (x: Node) => make({ kind }, [x], x.shape)
const binary = (kind: BinaryKind) => (a: Node | number, b: Node | number) => {
  const [x, y] = [lift(a), lift(b)]
  return make({ kind }, [x, y], broadcastShapes(x.shape, y.shape))
}
const lift = (x: Node | number): Node => (typeof x === 'number' ? scalar(x) : x)

export const neg = unary('neg')
export const abs = unary('abs')
export const exp = unary('exp')
export const log = unary('log')
export const sqrt = unary('sqrt')
export const reciprocal = unary('reciprocal')
export const tanh = unary('tanh')
export const sigmoid = unary('sigmoid')
export const erf = unary('erf')
export const relu = unary('relu')
export const sign = unary('sign')
export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
/** Softmax and its logarithm, over the last axis. */
export const softmax = (x: Node): Node => make({ kind: 'softmax' }, [x], x.shape)
export const logSoftmax = (x: Node): Node => make({ kind: 'logSoftmax' }, [x], x.shape)

/** Product over the last two axes, either side transposed on request; leading axes broadcast. */
export function matmul(a: Node, b: Node, transA = false, transB = false): Node {
  return make({ kind: 'matmul', transA, transB }, [a, b], matmulShape(a.shape, b.shape, transA, transB))
}

const reduce =
  (kind: 'sum' | 'mean') =>
  (x: Node, axes: readonly number[]): Node => {
    const at = axes.map(a => axisOf(a, x.shape.length))
    return make(
      { kind, axes: at },
      [x],
      x.shape.map((n, i) => (at.includes(i) ? 1 : n)),
    )
  }
/** Sum and mean over `axes`, which stay with extent 1. */
export const sum = reduce('sum')
export const mean = reduce('mean')

/** Same entries in the same order; one extent may be -1 and is then inferred. */
export function reshape(x: Node, shape: Shape): Node {
  const known = shape.reduce((a, n) => (n === -1 ? a : a * n), 1)
  const full = shape.map(n => (n === -1 ? sizeOf(x.shape) / known : n))
  if (sizeOf(full) !== sizeOf(x.shape) || !full.every(Number.isInteger))
    throw new InputError('reshape', `[${x.shape}] to fill`, `[${shape}]`)
  return sameShape(full, x.shape) ? x : make({ kind: 'reshape' }, [x], full, x.dtype)
}

export function broadcast(x: Node, shape: Shape): Node {
  if (!sameShape(broadcastShapes(x.shape, shape), shape))
    throw new InputError('broadcast', `[${shape}]`, `[${x.shape}]`)
  return sameShape(x.shape, shape) ? x : make({ kind: 'broadcast' }, [x], shape)
}

/** Output axis `i` is input axis `perm[i]`. */
export function transpose(x: Node, perm: readonly number[]): Node {
  const ok = perm.length === x.shape.length && x.shape.every((_, i) => perm.includes(i))
  if (!ok) throw new InputError('perm', `a permutation of ${x.shape.length} axes`, `[${perm}]`)
  return make(
    { kind: 'transpose', perm },
    [x],
    perm.map(p => x.shape[p]!),
  )
}

const withExtent = (shape: Shape, axis: number, extent: number) =>
  shape.map((n, i) => (i === axis ? extent : n))

export function slice(x: Node, axis: number, start: number, end: number): Node {
  const at = axisOf(axis, x.shape.length)
  if (!(start >= 0 && start < end && end <= x.shape[at]!)) {
    throw new InputError('slice', `a range within 0..${x.shape[at]}`, `${start}..${end}`)
  }
  return make({ kind: 'slice', axis: at, start, end }, [x], withExtent(x.shape, at, end - start))
}

/** Zeros before and after the entries of one axis. */
export function pad(x: Node, axis: number, before: number, after: number): Node {
  const at = axisOf(axis, x.shape.length)
  if (before < 0 || after < 0) throw new InputError('pad', 'non-negative widths', `${before}, ${after}`)
  return make(
    { kind: 'pad', axis: at, before, after },
    [x],
    withExtent(x.shape, at, x.shape[at]! + before + after),
  )
}

export function concat(parts: readonly Node[], axis: number): Node {
  const first = parts[0]
  if (!first) throw new InputError('concat', 'at least one part', 'none')
  const at = axisOf(axis, first.shape.length)
  for (const p of parts) {
    const like = withExtent(p.shape, at, first.shape[at]!)
    if (!sameShape(like, first.shape))
      throw new InputError('concat', `parts like [${first.shape}]`, `[${p.shape}]`)
  }
  const extent = parts.reduce((n, p) => n + p.shape[at]!, 0)
  return make({ kind: 'concat', axis: at }, parts, withExtent(first.shape, at, extent))
}

/** One axis in reverse order. */
export function flip(x: Node, axis: number): Node {
  return make({ kind: 'flip', axis: axisOf(axis, x.shape.length) }, [x], x.shape)
}

/** Row `i` of the last but one axis of the result is row `order[i]` of `x`. */
export function permuteRows(x: Node, order: Int32Array): Node {
  const rows = x.shape.at(-2)
  if (order.length !== rows || new Set(order).size !== rows || !order.every(i => i >= 0 && i < rows))
    throw new InputError('order', `a permutation of ${rows} rows`, `${order.length} others`)
  return make({ kind: 'permuteRows', order }, [x], x.shape)
}

/** `(x - mean) / sqrt(var + eps)` over the last axis. */
export const normalize = (x: Node, eps: number): Node => make({ kind: 'normalize', eps }, [x], x.shape)

/** Extents of a convolution's result. */
const convExtents = (h: number, w: number, k: number, pad: number) => [
  h + 2 * pad - k + 1,
  w + 2 * pad - k + 1,
]

/**
 * Cross-correlation of images `[n, c, h, w]` with kernels `[o, c, k, k]`, `pad` zeros around, stride 1.
 * @param bias `[o]`
 * @returns `[n, o, h + 2 pad - k + 1, w + 2 pad - k + 1]`
 */
export function conv(x: Node, w: Node, pad: number, bias?: Node): Node {
  mustBe('conv images', x, 'f32', 4)
  mustBe('conv kernels', w, 'f32', 4)
  const [n, c, height, width] = x.shape as [number, number, number, number]
  const [o, channels, k, k2] = w.shape as [number, number, number, number]
  const [h2, w2] = convExtents(height, width, k, pad) as [number, number]
  if (channels !== c || k !== k2 || pad < 0 || pad >= k || h2 < 1 || w2 < 1)
    throw new InputError(
      'conv',
      `square kernels [o, ${c}, k, k] within the image, pad < k`,
      `[${w.shape}] pad ${pad}`,
    )
  if (bias && !sameShape(bias.shape, [o])) throw new InputError('conv bias', `[${o}]`, `[${bias.shape}]`)
  return make({ kind: 'conv', pad }, bias ? [x, w, bias] : [x, w], [n, o, h2, w2])
}

/**
 * Images `[n, c, h, w]` against maps `[n, o, h', w']` at every offset of a kernel, summed over images and places: the
 * gradient of `conv` with respect to its kernels.
 * @returns `[o, c, k, k]`, `k = h + 2 pad - h' + 1`
 */
export function correlate(x: Node, maps: Node, pad: number): Node {
  mustBe('correlate images', x, 'f32', 4)
  mustBe('correlate maps', maps, 'f32', 4)
  const [n, c, height, width] = x.shape as [number, number, number, number]
  const [n2, o, h2, w2] = maps.shape as [number, number, number, number]
  const k = height + 2 * pad - h2 + 1
  if (n !== n2 || k < 1 || pad < 0 || pad >= k || width + 2 * pad - w2 + 1 !== k)
    throw new InputError('correlate', `maps of the images [${x.shape}]`, `[${maps.shape}]`)
  return make({ kind: 'correlate', pad }, [x, maps], [o, c, k, k])
}

const mustBe = (what: string, x: Node, dtype: DType, rank?: number): void => {
  if (x.dtype !== dtype || (rank !== undefined && x.shape.length !== rank)) {
    throw new InputError(
      what,
      `${dtype}${rank === undefined ? '' : ` of rank ${rank}`}`,
      `${x.dtype} [${x.shape}]`,
    )
  }
}

/** Rows of `table` `[rows, width]` at an i32 index of any shape. */
export function gather(table: Node, index: Node): Node {
  mustBe('gather table', table, 'f32', 2)
  mustBe('gather index', index, 'i32')
  return make({ kind: 'gather' }, [table, index], [...index.shape, table.shape[1]!])
}

/** Adds rows `[n, width]` into zeros `[rows, width]` at an i32 index `[n]`; repeated indices accumulate. */
export function scatterAdd(values: Node, index: Node, rows: number): Node {
  mustBe('scatterAdd values', values, 'f32', 2)
  mustBe('scatterAdd index', index, 'i32', 1)
  return make({ kind: 'scatterAdd', rows }, [values, index], [rows, values.shape[1]!])
}

/** 1.0 at the index, 0.0 elsewhere: `[...index, depth]`. */
export function oneHot(index: Node, depth: number): Node {
  mustBe('oneHot index', index, 'i32')
  return make({ kind: 'oneHot', depth }, [index], [...index.shape, depth])
}

/** Every node the outputs need, arguments first. */
export function topological(outputs: readonly Node[]): Node[] {
  const seen = new Set<Node>()
  const order: Node[] = []
  const stack: { node: Node; next: number }[] = []
  for (const root of outputs) {
    if (!seen.has(root)) stack.push({ node: root, next: 0 })
    seen.add(root)
    while (stack.length > 0) {
      const top = stack.at(-1)!
      const arg = top.node.args[top.next++]
      if (arg === undefined) order.push(stack.pop()!.node)
      else if (!seen.has(arg)) {
        seen.add(arg)
        stack.push({ node: arg, next: 0 })
      }
    }
  }
  return order
}
