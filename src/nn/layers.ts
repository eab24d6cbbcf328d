/** Functions of language models, composed of the graph's operators. */
import * as G from './graph.ts'
import type { Node } from './graph.ts'
import type { Shape } from './op.ts'
import { sizeOf } from './shape.ts'

export type Activation = 'silu' | 'gelu' | 'gelu_new' | 'relu'

/** `x W^T + b` on the last axis of `x`, flattened to one matrix product; `w` is `[out, in]`. */
export function linear(x: Node, w: Node, bias?: Node): Node {
  return affine(x, w, true, w.shape[0]!, bias)
}

/** `x W + b` with `w` `[in, out]`, the layout of GPT-2's Conv1D. */
export function conv1d(x: Node, w: Node, bias?: Node): Node {
  return affine(x, w, false, w.shape[1]!, bias)
}

function affine(x: Node, w: Node, trans: boolean, out: number, bias?: Node): Node {
  const flat = G.matmul(G.reshape(x, [-1, x.shape.at(-1)!]), w, false, trans)
  return G.reshape(bias ? G.add(flat, bias) : flat, [...x.shape.slice(0, -1), out])
}

/** `x / sqrt(mean(x^2) + eps) * gain` over the last axis. */
export function rmsNorm(x: Node, gain: Node, eps: number): Node {
  const scale = G.reciprocal(G.sqrt(G.add(G.mean(G.mul(x, x), [-1]), eps)))
  return G.mul(G.mul(x, scale), gain)
}

/** `(x - mean) / sqrt(var + eps) * gain + bias` over the last axis. */
export function layerNorm(x: Node, gain: Node, bias: Node, eps: number): Node {
  const centred = G.sub(x, G.mean(x, [-1]))
  const scale = G.reciprocal(G.sqrt(G.add(G.mean(G.mul(centred, centred), [-1]), eps)))
  return G.add(G.mul(G.mul(centred, scale), gain), bias)
}

export const silu = (x: Node): Node => G.mul(x, G.sigmoid(x))
/** `x Phi(x)`, Phi the normal distribution function. */
export const gelu = (x: Node): Node => G.mul(G.mul(x, 0.5), G.add(G.erf(G.mul(x, Math.SQRT1_2)), 1))
/** GELU with Phi approximated by `(1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2`. */
export function geluTanh(x: Node): Node {
  const cubic = G.mul(G.mul(x, G.add(G.mul(G.mul(x, x), 0.044715), 1)), Math.sqrt(2 / Math.PI))
  return G.mul(G.mul(x, 0.5), G.add(G.tanh(cubic), 1))
}

export const activations: Readonly<Record<Activation, (x: Node) => Node>> = {
  silu,
  gelu,
  gelu_new: geluTanh,
  relu: G.relu,
}

/** Far below any score, yet finite: a row without an allowed entry would otherwise be 0/0. */
const MASKED = -1e30

/** `[t, t]`, added to scores: 0 where column <= row, hugely negative elsewhere. */
export function causalMask(t: number): Node {
  const data = Float32Array.from({ length: t * t }, (_, i) => (i % t <= Math.floor(i / t) ? 0 : MASKED))
  return G.constant(data, [t, t])
}

/** `[..., heads * width]` with `shape` `[..., t]` in front to `[b, heads, t, width]`. */
export function splitHeads(x: Node, [b, t]: readonly [number, number], heads: number): Node {
  return G.transpose(G.reshape(x, [b, t, heads, -1]), [0, 2, 1, 3])
}

/**
 * Causal attention.
 * @param q `[b, heads, t, width]`
 * @param k,v `[b, kvHeads, t, width]`, kvHeads dividing heads; query head h reads key head floor(h kvHeads / heads)
 * @param mask `causalMask(t)`, one node for all layers since it is a large constant
 * @returns `[b, t, heads * width]`
 */
export function causalAttention(q: Node, k: Node, v: Node, mask: Node): Node {
  const [b, heads, t, width] = q.shape as [number, number, number, number]
  const kvHeads = k.shape[1]!
  // One matrix product per key head: the query heads that share it are stacked as extra rows.
  const group = heads / kvHeads
  const grouped: Shape = [b, kvHeads, group * t, width]
  const scores = G.mul(G.matmul(G.reshape(q, grouped), k, false, true), 1 / Math.sqrt(width))
  const masked = G.add(G.reshape(scores, [b, heads, t, t]), mask)
  const weights = G.reshape(G.softmax(masked), [b, kvHeads, group * t, t])
  const mixed = G.reshape(G.matmul(weights, v), [b, heads, t, width])
  return G.reshape(G.transpose(mixed, [0, 2, 1, 3]), [b, t, heads * width])
}

/**
 * Mean of `-log softmax(logits)[target]` in nats.
 * @param logits `[..., vocab]`
 * @param targets i32, the leading shape of `logits`
 */
export function crossEntropy(logits: Node, targets: Node): Node {
  return softCrossEntropy(logits, G.oneHot(targets, logits.shape.at(-1)!))
}

/**
 * Mean over rows of `-sum_k shares_k log softmax(logits)_k` in nats.
 * @param logits,shares `[..., classes]`
 */
export function softCrossEntropy(logits: Node, shares: Node): Node {
  const weighted = G.mul(G.logSoftmax(logits), shares)
  const total = G.sum(
    weighted,
    weighted.shape.map((_, i) => i),
  )
  return G.reshape(G.mul(total, -1 / sizeOf(logits.shape.slice(0, -1))), [])
}
