/**
 * The operators of the float graph. Every table over `OpKind` (ONNX emission, reverse mode) is total: adding a
 * member here does not compile until each table has its rule.
 */

/** Row-major extents; `[]` is a scalar. */
export type Shape = readonly number[]
export type DType = 'f32' | 'i32'

/** Element by element, one argument. `sign` is -1, 0 or 1; `erf` is the exact error function. */
export const UNARY = [
  'neg',
  'abs',
  'exp',
  'log',
  'sqrt',
  'reciprocal',
  'tanh',
  'sigmoid',
  'erf',
  'relu',
  'sign',
] as const
export type UnaryKind = (typeof UNARY)[number]
/** Element by element, two arguments, broadcast from the right as in NumPy. */
export const BINARY = ['add', 'sub', 'mul', 'div'] as const
export type BinaryKind = (typeof BINARY)[number]

export type Op =
  | { readonly kind: UnaryKind | BinaryKind }
  /** Fed at run time under `name`. */
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'const'; readonly data: Float32Array | Int32Array }
  /** `op(a) op(b)` over the last two axes, `op` a transpose where the flag is set; leading axes broadcast. */
  | { readonly kind: 'matmul'; readonly transA: boolean; readonly transB: boolean }
  /** Over the last axis. */
  | { readonly kind: 'softmax' | 'logSoftmax' }
  /** Sum over `axes`, which stay in the shape with extent 1. */
  | { readonly kind: 'sum' | 'mean'; readonly axes: readonly number[] }
  | { readonly kind: 'reshape' | 'broadcast' }
  /** Output axis `i` is input axis `perm[i]`. */
  | { readonly kind: 'transpose'; readonly perm: readonly number[] }
  /** Entries `start <= i < end` of one axis. */
  | { readonly kind: 'slice'; readonly axis: number; readonly start: number; readonly end: number }
  /** Zeros around the entries of one axis. */
  | { readonly kind: 'pad'; readonly axis: number; readonly before: number; readonly after: number }
  | { readonly kind: 'concat'; readonly axis: number }
  /** One axis in reverse order. */
  | { readonly kind: 'flip'; readonly axis: number }
  /** Row `i` of the last but one axis is row `order[i]` of the argument; `order` is a permutation. */
  | { readonly kind: 'permuteRows'; readonly order: Int32Array }
  /** `(x - mean) / sqrt(var + eps)` over the last axis. */
  | { readonly kind: 'normalize'; readonly eps: number }
  /** Images `[n, c, h, w]` by kernels `[o, c, k, k]` plus, if given, a bias `[o]`, with `pad` zeros around: `[n, o, h', w']`. */
  | { readonly kind: 'conv'; readonly pad: number }
  /** Images `[n, c, h, w]` by maps `[n, o, h', w']`, summed over images and places: `[o, c, k, k]`, the gradient of `conv`. */
  | { readonly kind: 'correlate'; readonly pad: number }
  /** Rows of a matrix `[rows, width]` by an i32 index of any shape: `[...index, width]`. */
  | { readonly kind: 'gather' }
  /** Inverse of `gather`: adds the rows of `[n, width]` into zeros `[rows, width]` at an index `[n]`. */
  | { readonly kind: 'scatterAdd'; readonly rows: number }
  /** 1 at the index, 0 elsewhere: `[...index, depth]`. */
  | { readonly kind: 'oneHot'; readonly depth: number }

export type OpKind = Op['kind']
/** The member(s) of `Op` that can carry kind `K`. */
export type OpOf<K extends OpKind> = Op extends infer O
  ? O extends { kind: infer J }
    ? K extends J
      ? O
      : never
    : never
  : never
