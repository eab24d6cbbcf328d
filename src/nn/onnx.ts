/**
 * Emission of a float graph as an ONNX model (opset 18): one rule per operator. Shapes are static, i32 stays i32,
 * constants become initializers.
 */
import onnxProto from 'onnx-proto'
import { InputError } from '../errors.ts'
import type { Node } from './graph.ts'
import { topological } from './graph.ts'
import type { DType, OpKind, OpOf, Shape } from './op.ts'
import { sameShape } from './shape.ts'

const pb = onnxProto.onnx
const FLOAT = 1
const INT32 = 6
const INT64 = 7
/** AttributeProto.AttributeType. */
const ATTR_FLOAT = 1
const ATTR_INT = 2
const ATTR_STRING = 3
const ATTR_INTS = 7

const elemType = (dtype: DType): number => (dtype === 'f32' ? FLOAT : INT32)
const bytesOf = (a: Float32Array | Int32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(a.buffer, a.byteOffset, a.byteLength)

/** An attribute of type FLOAT, which a plain number (INT) is not. */
interface Float {
  readonly float: number
}
type Attribute = number | string | readonly number[] | Float
type Attributes = Readonly<Record<string, Attribute>>

/** What a rule may do: name its arguments' values, emit ONNX nodes and integer constants. */
interface Emitter {
  /** Emits one ONNX node; the last one a rule returns is the value of the graph node. */
  emit(type: string, inputs: string[], attributes?: Attributes): string
  ints(values: readonly number[]): string
  tensor(data: Float32Array | Int32Array, shape: Shape): string
}
type Rule<K extends OpKind> = (e: Emitter, op: OpOf<K>, args: readonly string[], node: Node) => string

const plain =
  (type: string) =>
  (e: Emitter, _: unknown, args: readonly string[]): string =>
    e.emit(type, [...args])
const lastAxis =
  (type: string) =>
  (e: Emitter, _: unknown, args: readonly string[]): string =>
    e.emit(type, [...args], { axis: -1 })

/** The last two axes swapped; the runtime folds this into its matrix product. */
function swapped(e: Emitter, x: string, shape: Shape): string {
  const perm = shape.map((_, i) => i)
  const last = perm.length - 1
  return e.emit('Transpose', [x], { perm: [...perm.slice(0, -2), last, last - 1] })
}

/**
 * One matrix product per offset of the kernel, over images and maps flattened to rows of the padded width. There an
 * offset is a shift of the whole image, and the zeros to the right of each row of the maps hide what a shift wraps around.
 */
function correlate(e: Emitter, { pad }: OpOf<'correlate'>, [x, maps]: readonly string[], node: Node): string {
  const [n, c, height] = node.args[0]!.shape as [number, number, number, number]
  const [, o, h2, w2] = node.args[1]!.shape as [number, number, number, number]
  const k = node.shape[2]!
  const stride = w2 + k - 1
  // One more row below: the last shift reads up to k - 1 entries past the image.
  const rows = height + 2 * pad + (k > 1 ? 1 : 0)
  const padded = e.emit('Pad', [x!, e.ints([0, 0, pad, pad, 0, 0, rows - height - pad, pad])])
  const image = e.emit('Reshape', [padded, e.ints([n, c, rows * stride])])
  const wide = e.emit('Pad', [maps!, e.ints([0, 0, 0, 0, 0, 0, 0, k - 1])])
  const length = h2 * stride
  const flat = e.emit('Reshape', [wide, e.ints([n, o, length])])
  const products: string[] = []
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      const at = i * stride + j
      const shifted = e.emit('Slice', [image, e.ints([at]), e.ints([at + length]), e.ints([2])])
      products.push(e.emit('MatMul', [flat, swapped(e, shifted, [n, c, length])]))
    }
  }
  // [n, o, k k c] to [o, k k, c] to [o, c, k, k].
  const all = e.emit('ReduceSum', [e.emit('Concat', products, { axis: 2 }), e.ints([0])], { keepdims: 0 })
  const byOffset = e.emit('Reshape', [all, e.ints([o, k * k, c])])
  return e.emit('Reshape', [e.emit('Transpose', [byOffset], { perm: [0, 2, 1] }), e.ints(node.shape)])
}

/** By operations that the runtime has as vector code; its `Sign` takes several times as long. Exact but for denormals. */
function sign(e: Emitter, _: unknown, [x]: readonly string[]): string {
  const [high, low, huge] = [1, -1, 3e38].map(v => e.tensor(Float32Array.of(v), []))
  return e.emit('Clip', [e.emit('Mul', [x!, huge!]), low!, high!])
}

const rules: { [K in OpKind]: Rule<K> } = {
  input: (_, op) => op.name,
  const: (e, op, _, node) => e.tensor(op.data, node.shape),
  neg: plain('Neg'),
  abs: plain('Abs'),
  exp: plain('Exp'),
  log: plain('Log'),
  sqrt: plain('Sqrt'),
  reciprocal: plain('Reciprocal'),
  tanh: plain('Tanh'),
  sigmoid: plain('Sigmoid'),
  erf: plain('Erf'),
  relu: plain('Relu'),
  sign,
  // The runtime takes a product's bias into the product where it is called a sum.
  add: (e, _, args, node) => {
    const product = node.args[0]!.op.kind === 'matmul' && node.shape.length === 2
    return e.emit(product && sameShape(node.shape, node.args[0]!.shape) ? 'Sum' : 'Add', [...args])
  },
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: plain('Div'),
  softmax: lastAxis('Softmax'),
  logSoftmax: lastAxis('LogSoftmax'),
  matmul: (e, op, [a, b], node) => {
    const [x, y] = [node.args[0]!, node.args[1]!]
    if (node.shape.length === 2) {
      return e.emit('Gemm', [a!, b!], { transA: Number(op.transA), transB: Number(op.transB) })
    }
    return e.emit('MatMul', [
      op.transA ? swapped(e, a!, x.shape) : a!,
      op.transB ? swapped(e, b!, y.shape) : b!,
    ])
  },
  sum: (e, op, [x]) => e.emit('ReduceSum', [x!, e.ints(op.axes)], { keepdims: 1 }),
  mean: (e, op, [x]) => e.emit('ReduceMean', [x!, e.ints(op.axes)], { keepdims: 1 }),
  reshape: (e, _, [x], node) => e.emit('Reshape', [x!, e.ints(node.shape)]),
  broadcast: (e, _, [x], node) => e.emit('Expand', [x!, e.ints(node.shape)]),
  transpose: (e, op, [x]) => e.emit('Transpose', [x!], { perm: op.perm }),
  slice: (e, op, [x]) => e.emit('Slice', [x!, e.ints([op.start]), e.ints([op.end]), e.ints([op.axis])]),
  pad: (e, op, [x], node) => {
    const rank = node.shape.length
    const widths = new Array<number>(2 * rank).fill(0)
    widths[op.axis] = op.before
    widths[rank + op.axis] = op.after
    return e.emit('Pad', [x!, e.ints(widths)])
  },
  concat: (e, op, args) => e.emit('Concat', [...args], { axis: op.axis }),
  flip: (e, op, [x]) => {
    // From the last entry to before the first: the runtime cuts both ends to the extent.
    const [start, end] = [e.ints([-1]), e.ints([-(2 ** 31)])]
    return e.emit('Slice', [x!, start, end, e.ints([op.axis]), e.ints([-1])])
  },
  permuteRows: (e, op, [x], node) =>
    e.emit('Gather', [x!, e.tensor(op.order, [op.order.length])], { axis: node.shape.length - 2 }),
  normalize: (e, op, [x], node) => {
    const width = node.shape.at(-1)!
    const [ones, zeros] = [new Float32Array(width).fill(1), new Float32Array(width)]
    const inputs = [x!, e.tensor(ones, [width]), e.tensor(zeros, [width])]
    return e.emit('LayerNormalization', inputs, { axis: -1, epsilon: { float: op.eps } })
  },
  conv: (e, op, args) => e.emit('Conv', [...args], { pads: [op.pad, op.pad, op.pad, op.pad] }),
  correlate,
  gather: (e, _, [table, index]) => e.emit('Gather', [table!, index!], { axis: 0 }),
  scatterAdd: (e, op, [values, index], node) => {
    const width = node.shape[1]!
    const n = node.args[1]!.shape[0]!
    const zeros = e.emit('Expand', [e.tensor(Float32Array.of(0), [1, 1]), e.ints([op.rows, width])])
    const column = e.emit('Cast', [e.emit('Reshape', [index!, e.ints([n, 1])])], { to: INT64 })
    return e.emit('ScatterND', [zeros, column, values!], { reduction: 'add' })
  },
  oneHot: (e, op, [index]) => {
    const wide = e.emit('Cast', [index!], { to: INT64 })
    return e.emit('OneHot', [wide, e.ints([op.depth]), e.tensor(Float32Array.of(0, 1), [2])], { axis: -1 })
  },
}

function attribute(name: string, value: Attribute) {
  if (typeof value === 'number') return { name, type: ATTR_INT, i: value }
  if (typeof value === 'object' && 'float' in value) return { name, type: ATTR_FLOAT, f: value.float }
  if (typeof value === 'string') return { name, type: ATTR_STRING, s: new TextEncoder().encode(value) }
  return { name, type: ATTR_INTS, ints: [...value] }
}

const valueInfo = (name: string, shape: Shape, dtype: DType) => ({
  name,
  type: { tensorType: { elemType: elemType(dtype), shape: { dim: shape.map(dimValue => ({ dimValue })) } } },
})

/** Collects nodes and initializers while the rules run. */
class Builder implements Emitter {
  readonly nodes: { opType: string; name: string; input: string[]; output: string[]; attribute: object[] }[] =
    []
  readonly initializers: object[] = []
  private readonly intNames = new Map<string, string>()
  private count = 0

  emit(type: string, inputs: string[], attributes: Attributes = {}): string {
    const name = `v${this.count++}`
    const attrs = Object.entries(attributes).map(([key, value]) => attribute(key, value))
    this.nodes.push({ opType: type, name, input: inputs, output: [name], attribute: attrs })
    return name
  }
  ints(values: readonly number[]): string {
    const key = values.join()
    const known = this.intNames.get(key)
    if (known !== undefined) return known
    const name = `i${this.count++}`
    const rawData = bytesOf(BigInt64Array.from(values, BigInt))
    this.initializers.push({ name, dims: [values.length], dataType: INT64, rawData })
    this.intNames.set(key, name)
    return name
  }
  tensor(data: Float32Array | Int32Array, shape: Shape): string {
    const name = `c${this.count++}`
    const dataType = data instanceof Int32Array ? INT32 : FLOAT
    this.initializers.push({ name, dims: [...shape], dataType, rawData: bytesOf(data) })
    return name
  }
}

/** An encoded model and what it is fed. */
export interface OnnxModel {
  readonly bytes: Uint8Array
  readonly inputs: readonly { name: string; shape: Shape; dtype: DType }[]
}

/** @param outputs the graph's results by name; the names must differ from those of the inputs */
export function toOnnx(outputs: Readonly<Record<string, Node>>): OnnxModel {
  const builder = new Builder()
  const names = new Map<Node, string>()
  const inputs = new Map<string, { name: string; shape: Shape; dtype: DType }>()
  for (const node of topological(Object.values(outputs))) {
    const rule = rules[node.op.kind] as Rule<OpKind>
    const args = node.args.map(a => names.get(a)!)
    names.set(node, rule(builder, node.op as OpOf<OpKind>, args, node))
    if (node.op.kind !== 'input') continue
    const same = inputs.get(node.op.name)
    if (same && !sameShape(same.shape, node.shape))
      throw new InputError('inputs', `one shape for ${node.op.name}`, 'two')
    inputs.set(node.op.name, { name: node.op.name, shape: node.shape, dtype: node.dtype })
  }
  const results = Object.entries(outputs).map(([name, node]) => {
    builder.nodes.push({ opType: 'Identity', name, input: [names.get(node)!], output: [name], attribute: [] })
    return valueInfo(name, node.shape, node.dtype)
  })
  const graph = {
    name: 'graph',
    node: builder.nodes,
    initializer: builder.initializers,
    input: [...inputs.values()].map(i => valueInfo(i.name, i.shape, i.dtype)),
    output: results,
  }
  const model = { irVersion: 8, opsetImport: [{ domain: '', version: 18 }], graph }
  return { bytes: pb.ModelProto.encode(model).finish(), inputs: [...inputs.values()] }
}
