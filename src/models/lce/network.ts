/** The Corrector and the super-resolution network. Images are `[n, 3, h, w]`, samples in [0, 1]. */
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import { linear } from '../../nn/layers.ts'
import type { Scale } from '../../image/degrade.ts'
import { type Extents, extents, type LceConfig } from './config.ts'
import { correctionBank } from './filter.ts'
import { fromSpectrum, fsab, type Publics, publics, toSpectrum } from './fsab.ts'
import { Parameters } from './parameters.ts'
import { reorder, SHIFT, windowOrder } from './windows.ts'

/** Inputs of the graph beside the parameters. */
export const LR = 'lr'
/** Only where the corrected image comes from outside. */
export const CLR = 'clr'

export interface LceGraph {
  /** Low-resolution images `[n, 3, height, width]`. */
  readonly lr: Node
  /** The corrected image, in the shape of `lr`: an input if it comes from outside, `lr` itself if nothing corrects. */
  readonly clr: Node
  /** `[n, 3, scale * height, scale * width]`, not clamped. */
  readonly sr: Node
  /** `sr` before its last pixel shuffle, `[n, 3 f f, scale * height / f, scale * width / f]`. */
  readonly packed: Node
  readonly parameters: Parameters
}

/**
 * @param height,width of the low-resolution images: positive multiples of the window (8)
 * @param batch images at once
 * @param parameters where they are declared
 * @throws InputError for other sides
 */
export function lceGraph(
  config: LceConfig,
  height: number,
  width: number,
  batch = 1,
  parameters = new Parameters(),
): LceGraph {
  const sizes = extents[config.size]
  const lr = G.input(LR, [batch, 3, height, width])
  const clr = corrected(parameters, lr, config, sizes)
  const packed = superResolution(parameters, lr, clr, config, sizes)
  const sr = pixelShuffle(packed, Math.sqrt(packed.shape[1]! / 3))
  return { lr, clr, sr, packed, parameters }
}

function corrected(p: Parameters, lr: Node, config: LceConfig, sizes: Extents): Node {
  if (config.corrector === 'none' || config.branches === 'lr') return lr
  return config.corrector === 'learned'
    ? correctorNetwork(p, lr, config.scale, sizes)
    : G.input(CLR, lr.shape)
}

/**
 * The Corrector. The closed-form filter for a few blurs is public; convolutions choose at each pixel how much of which to
 * take, and add what no linear filter can do.
 */
function correctorNetwork(
  p: Parameters,
  lr: Node,
  scale: Scale,
  { correctorChannels: c, correctorBlocks }: Extents,
): Node {
  const [n, , h, w] = lr.shape as [number, number, number, number]
  const bank = filtered(lr, scale)
  const count = bank.shape[1]! / 3
  let x = convolution(p, 'corrector.head', G.concat([lr, bank], 1), c, 3)
  for (let i = 0; i < correctorBlocks; i++) x = residualBlock(p, `corrector.blocks.${i}`, x)
  const mix = p.kernels('corrector.mix', count, c, 3, 0.02, 1 / count)
  const shares = G.reshape(G.conv(x, mix.weight, 1, mix.bias), [n, 1, count, h, w])
  const changes = G.sub(G.reshape(bank, [n, 3, count, h, w]), G.reshape(lr, [n, 3, 1, h, w]))
  const chosen = G.reshape(G.sum(G.mul(changes, shares), [2]), lr.shape)
  return G.add(G.add(lr, chosen), convolution(p, 'corrector.tail', x, 3, 3, 0.02))
}

/** Each channel through every kernel of the filter bank, edges repeated: `[n, 3 count, h, w]`. */
export function filtered(lr: Node, scale: Scale): Node {
  const { count, size, weights } = correctionBank(scale)
  const [n, c, h, w] = lr.shape as [number, number, number, number]
  const half = (size - 1) / 2
  const wide = repeatEdges(repeatEdges(lr, 2, half), 3, half)
  const planes = G.reshape(wide, [n * c, 1, h + 2 * half, w + 2 * half])
  return G.reshape(G.conv(planes, G.constant(weights, [count, 1, size, size]), 0), [n, c * count, h, w])
}

/** The first and the last entry of an axis `times` more. */
function repeatEdges(x: Node, axis: number, times: number): Node {
  const extent = x.shape[axis]!
  const [first, last] = [G.slice(x, axis, 0, 1), G.slice(x, axis, extent - 1, extent)]
  return G.concat([...new Array(times).fill(first), x, ...new Array(times).fill(last)], axis)
}

/** Two convolutions with a ReLU between, added to what they start from. */
function residualBlock(p: Parameters, name: string, x: Node): Node {
  const channels = x.shape[1]!
  const inner = G.relu(convolution(p, `${name}.0`, x, channels, 3))
  return G.add(x, convolution(p, `${name}.1`, inner, channels, 3, 0.3))
}

function superResolution(p: Parameters, lr: Node, clr: Node, config: LceConfig, sizes: Extents): Node {
  const { channels: c, groups, depth, residualBlocks } = sizes
  const [, , height, width] = lr.shape as [number, number, number, number]
  const shared = publics(height, width)
  const regular = windowOrder(height, width, 0)
  const shifted = windowOrder(height, width, SHIFT)

  const seen: Node[] = []
  if (config.branches !== 'clr') seen.push(toTokens(convolution(p, 'stem.lr', lr, c, 3), regular))
  if (config.branches !== 'lr') {
    const features = toTokens(convolution(p, 'stem.clr', clr, c, 3), regular)
    seen.push(spectralResidual(p, 'stem.spectral', features, c, shared))
  }
  const fuse = p.matrix('stem.fuse', c, seen.length * c)
  const first = toImage(linear(G.concat(seen, 2), fuse.weight, fuse.bias), regular, height, width)

  let x = first
  for (let g = 0; g < groups; g++) {
    let tokens = toTokens(x, regular)
    let order = regular
    for (let d = 0; d < depth; d++) {
      const wanted = (g * depth + d) % 2 === 1 ? shifted : regular
      if (wanted !== order) tokens = G.permuteRows(tokens, reorder(order, wanted))
      order = wanted
      tokens = fsab(p, `groups.${g}.blocks.${d}`, tokens, config, sizes, shared, order === shifted)
    }
    let image = toImage(tokens, order, height, width)
    for (let i = 0; i < residualBlocks; i++) image = residualBlock(p, `groups.${g}.residual.${i}`, image)
    x = G.add(x, convolution(p, `groups.${g}.conv`, image, c, 3, 0.3))
  }
  return upsampled(p, G.add(first, x), lr, config, sizes)
}

/** What a network of the spectrum adds to the features of the corrected image. */
function spectralResidual(p: Parameters, name: string, x: Node, c: number, shared: Publics): Node {
  const first = p.matrix(`${name}.0`, 2 * c, 2 * c, Math.SQRT2)
  const second = p.matrix(`${name}.1`, 2 * c, 2 * c, 0.3)
  const hidden = G.relu(linear(toSpectrum(x, shared), first.weight, first.bias))
  return G.add(x, fromSpectrum(linear(hidden, second.weight, second.bias), x, shared))
}

/** Features to pixels before the last shuffle, as a residual of the low-resolution pixels repeated. */
function upsampled(
  p: Parameters,
  x: Node,
  lr: Node,
  { scale }: LceConfig,
  { channels: c, upsampling }: Extents,
): Node {
  let features = x
  // Each prime factor but the last has a shuffle of features of its own.
  const staged = upsampling === 'staged' && scale === 4
  if (staged) features = G.relu(pixelShuffle(convolution(p, 'tail.up', x, 4 * c, 3), 2))
  const [factor, base] = staged ? [2, repeatPixels(lr, 2)] : [scale, lr]
  const residual = convolution(p, 'tail.out', features, 3 * factor * factor, 3, 0.1)
  const [n, , h, w] = residual.shape as [number, number, number, number]
  const repeated = G.reshape(base, [n, 3, 1, h, w])
  return G.reshape(G.add(G.reshape(residual, [n, 3, -1, h, w]), repeated), residual.shape)
}

/** A convolution that keeps the image's sides, with its parameters. */
function convolution(p: Parameters, name: string, x: Node, channels: number, k: number, gain?: number): Node {
  const { weight, bias } = p.kernels(name, channels, x.shape[1]!, k, gain)
  return G.conv(x, weight, (k - 1) / 2, bias)
}

/** `[n, c, h, w]` to tokens `[n, h w, c]` sorted by `order`. */
function toTokens(x: Node, order: Int32Array): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return G.permuteRows(G.transpose(G.reshape(x, [n, c, h * w]), [0, 2, 1]), order)
}

/** Inverse of `toTokens`. */
function toImage(tokens: Node, order: Int32Array, height: number, width: number): Node {
  const [n, , c] = tokens.shape as [number, number, number]
  const rows = G.permuteRows(tokens, reorder(order, Int32Array.from(order).sort()))
  return G.reshape(G.transpose(rows, [0, 2, 1]), [n, c, height, width])
}

/** `[n, c s s, h, w]` to `[n, c, s h, s w]`: channel `(c s + i) s + j` goes to row `i`, column `j` of each `s x s`. */
export function pixelShuffle(x: Node, s: number): Node {
  const [n, channels, h, w] = x.shape as [number, number, number, number]
  const c = channels / (s * s)
  return G.reshape(G.transpose(G.reshape(x, [n, c, s, s, h, w]), [0, 1, 4, 2, 5, 3]), [n, c, s * h, s * w])
}

/** `[n, c, h, w]` to `[n, c, s h, s w]`, each pixel `s x s` times. */
export function repeatPixels(x: Node, s: number): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return G.reshape(G.broadcast(G.reshape(x, [n, c, h, 1, w, 1]), [n, c, h, s, w, s]), [n, c, s * h, s * w])
}
