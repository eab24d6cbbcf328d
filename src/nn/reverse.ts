/**
 * Reverse-mode differentiation: the gradient of a scalar is again a graph of the same operators. `g` is the
 * gradient of the loss with respect to a node's value and has its shape; a rule returns one such graph per
 * argument, or null where an argument is an index or its derivative is zero almost everywhere.
 */
import { InputError } from '../errors.ts'
import * as G from './graph.ts'
import type { Node } from './graph.ts'
import type { OpKind, OpOf, Shape } from './op.ts'
import { repeatedAxes, sizeOf } from './shape.ts'

type Rule<K extends OpKind> = (g: Node, node: Node, op: OpOf<K>) => readonly (Node | null)[]

/** Sums `g` over the axes along which an argument of shape `shape` was broadcast. */
function unbroadcast(g: Node, shape: Shape): Node {
  const axes = repeatedAxes(shape, g.shape)
  return G.reshape(axes.length > 0 ? G.sum(g, axes) : g, shape)
}

const x = (node: Node): Node => node.args[0]!
const y = (node: Node): Node => node.args[1]!

/** Transpose of `conv` with kernels `w`: each entry of `maps` adds a kernel to the images. */
function spread(maps: Node, w: Node, pad: number): Node {
  const turned = G.flip(G.flip(G.transpose(w, [1, 0, 2, 3]), 2), 3)
  return G.conv(maps, turned, w.shape[2]! - 1 - pad)
}

function inverse(order: Int32Array): Int32Array {
  const out = new Int32Array(order.length)
  order.forEach((from, to) => {
    out[from] = to
  })
  return out
}

const rules: { [K in OpKind]: Rule<K> } = {
  input: () => [],
  const: () => [],
  neg: g => [G.neg(g)],
  abs: (g, out) => [G.mul(g, G.sign(x(out)))],
  exp: (g, out) => [G.mul(g, out)],
  log: (g, out) => [G.div(g, x(out))],
  // d sqrt(x) = 1 / (2 sqrt(x))
  sqrt: (g, out) => [G.div(G.mul(g, 0.5), out)],
  // d (1/x) = -1/x^2
  reciprocal: (g, out) => [G.neg(G.mul(g, G.mul(out, out)))],
  tanh: (g, out) => [G.mul(g, G.sub(1, G.mul(out, out)))],
  sigmoid: (g, out) => [G.mul(g, G.mul(out, G.sub(1, out)))],
  // d erf(x) = 2/sqrt(pi) exp(-x^2)
  erf: (g, out) => [G.mul(g, G.mul(2 / Math.sqrt(Math.PI), G.exp(G.neg(G.mul(x(out), x(out))))))],
  relu: (g, out) => [G.mul(g, G.sign(out))],
  sign: () => [null],
  add: (g, out) => [unbroadcast(g, x(out).shape), unbroadcast(g, y(out).shape)],
  sub: (g, out) => [unbroadcast(g, x(out).shape), unbroadcast(G.neg(g), y(out).shape)],
  mul: (g, out) => [unbroadcast(G.mul(g, y(out)), x(out).shape), unbroadcast(G.mul(g, x(out)), y(out).shape)],
  // d (a/b) = da/b - (a/b) db/b
  div: (g, out) => {
    const da = G.div(g, y(out))
    return [unbroadcast(da, x(out).shape), unbroadcast(G.neg(G.mul(da, out)), y(out).shape)]
  },
  // J^T g = p * (g - <g, p>)
  softmax: (g, out) => [G.mul(out, G.sub(g, G.sum(G.mul(g, out), [-1])))],
  // J^T g = g - softmax * <g, 1>
  logSoftmax: (g, out) => [G.sub(g, G.mul(G.softmax(x(out)), G.sum(g, [-1])))],
  // C = A' B' with A', B' the arguments as transposed: dA' = g B'^T, dB' = A'^T g.
  matmul: (g, out, { transA, transB }) => {
    const [a, b] = [x(out), y(out)]
    const da = transA ? G.matmul(b, g, transB, true) : G.matmul(g, b, false, !transB)
    const db = transB ? G.matmul(g, a, true, transA) : G.matmul(a, g, !transA, false)
    return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)]
  },
  sum: (g, out) => [G.broadcast(g, x(out).shape)],
  mean: (g, out) => [G.broadcast(G.mul(g, sizeOf(out.shape) / sizeOf(x(out).shape)), x(out).shape)],
  reshape: (g, out) => [G.reshape(g, x(out).shape)],
  broadcast: (g, out) => [unbroadcast(g, x(out).shape)],
  transpose: (g, _, { perm }) => [
    G.transpose(
      g,
      perm.map((_, i) => perm.indexOf(i)),
    ),
  ],
  slice: (g, out, { axis, start, end }) => [G.pad(g, axis, start, x(out).shape[axis]! - end)],
  pad: (g, out, { axis, before }) => [G.slice(g, axis, before, before + x(out).shape[axis]!)],
  concat: (g, out, { axis }) => {
    let start = 0
    return out.args.map(part => {
      const end = start + part.shape[axis]!
      const piece = G.slice(g, axis, start, end)
      start = end
      return piece
    })
  },
  flip: (g, _, { axis }) => [G.flip(g, axis)],
  permuteRows: (g, _, { order }) => [G.permuteRows(g, inverse(order))],
  // J^T g = (g - mean g - out mean(g out)) / deviation
  normalize: (g, out, { eps }) => {
    const middle = G.mean(x(out), [-1])
    const variance = G.sub(G.mean(G.mul(x(out), x(out)), [-1]), G.mul(middle, middle))
    const across = G.sub(G.sub(g, G.mean(g, [-1])), G.mul(out, G.mean(G.mul(g, out), [-1])))
    return [G.mul(across, G.reciprocal(G.sqrt(G.add(variance, eps))))]
  },
  conv: (g, out, { pad }) => {
    const parts = [spread(g, y(out), pad), G.correlate(x(out), g, pad)]
    return out.args.length === 2 ? parts : [...parts, G.reshape(G.sum(g, [0, 2, 3]), [-1])]
  },
  correlate: (g, out, { pad }) => [spread(y(out), g, pad), G.conv(x(out), g, pad)],
  gather: (g, out) => {
    const [rows, width] = x(out).shape
    return [G.scatterAdd(G.reshape(g, [-1, width!]), G.reshape(y(out), [-1]), rows!), null]
  },
  scatterAdd: (g, out) => [G.gather(g, y(out)), null],
  oneHot: () => [null],
}

/**
 * @param loss a node with one entry
 * @param wrt nodes the loss depends on
 * @returns d loss / d node for each of `wrt`, in its shape
 */
export function gradients(loss: Node, wrt: readonly Node[]): Node[] {
  if (sizeOf(loss.shape) !== 1) throw new InputError('loss', 'one entry', `shape [${loss.shape}]`)
  const order = G.topological([loss])
  const needed = new Set<Node>(wrt)
  for (const node of order) if (node.args.some(a => needed.has(a))) needed.add(node)

  const grads = new Map<Node, Node>([[loss, G.constant(Float32Array.of(1), loss.shape)]])
  for (const node of order.reverse()) {
    const g = grads.get(node)
    if (g === undefined || !node.args.some(a => needed.has(a))) continue
    const parts = (rules[node.op.kind] as Rule<OpKind>)(g, node, node.op as OpOf<OpKind>)
    parts.forEach((part, i) => {
      const arg = node.args[i]!
      if (part === null || !needed.has(arg)) return
      const before = grads.get(arg)
      grads.set(arg, before === undefined ? part : G.add(before, part))
    })
  }
  return wrt.map(node => grads.get(node) ?? G.constant(new Float32Array(sizeOf(node.shape)), node.shape))
}
