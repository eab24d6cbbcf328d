/** Layers on images `[n, c, h, w]`. */
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import type { Parameters } from './parameters.ts'

/** A convolution that keeps the image's sides, with its parameters. */
export function convolution(
  p: Parameters,
  name: string,
  x: Node,
  channels: number,
  k: number,
  gain?: number,
): Node {
  const { weight, bias } = p.kernels(name, channels, x.shape[1]!, k, gain)
  return G.conv(x, weight, (k - 1) / 2, bias)
}

/** Two convolutions with a ReLU between, added to what they start from. */
export function residualBlock(p: Parameters, name: string, x: Node): Node {
  const channels = x.shape[1]!
  const inner = G.relu(convolution(p, `${name}.0`, x, channels, 3))
  return G.add(x, convolution(p, `${name}.1`, inner, channels, 3, 0.3))
}

/** The first and the last entry of an axis `times` more. */
export function repeatEdges(x: Node, axis: number, times: number): Node {
  const extent = x.shape[axis]!
  const [first, last] = [G.slice(x, axis, 0, 1), G.slice(x, axis, extent - 1, extent)]
  return G.concat([...new Array(times).fill(first), x, ...new Array(times).fill(last)], axis)
}
