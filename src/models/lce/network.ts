/** The super-resolution network behind its Corrector. Images are `[n, 3, h, w]`, samples in [0, 1]. */
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import { linear } from '../../nn/layers.ts'
import { corrects, type Extents, extents, judgesBlur, type LceConfig } from './config.ts'
import { type Corrected, correctorNetwork } from './corrector.ts'
import { fromSpectrum, fsab, type Publics, publics, toSpectrum } from './fsab.ts'
import { convolution, residualBlock } from './layers.ts'
import { Parameters } from './parameters.ts'
import { reorder, SHIFT, windowOrder } from './windows.ts'

/** Inputs of the graph beside the parameters. */
export const LR = 'lr'
/** Only where the corrected image comes from outside. */
export const CLR = 'clr'

/** `clr` is an input if the corrected image comes from outside, `lr` itself if nothing corrects. */
export interface LceGraph extends Corrected {
  /** Low-resolution images `[n, 3, height, width]`. */
  readonly lr: Node
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
 * @param judged logits of the blur, `[batch, 1 + bank]`, where the Corrector is not to judge it from this image
 * @throws InputError for other sides
 */
export function lceGraph(
  config: LceConfig,
  height: number,
  width: number,
  batch = 1,
  parameters = new Parameters(),
  judged?: Node,
): LceGraph {
  const sizes = extents[config.size]
  const lr = G.input(LR, [batch, 3, height, width])
  const { clr, blur } = corrected(parameters, lr, config, sizes, judged)
  const packed = superResolution(parameters, lr, clr, config, sizes)
  const sr = pixelShuffle(packed, Math.sqrt(packed.shape[1]! / 3))
  return { lr, clr, blur, sr, packed, parameters }
}

function corrected(p: Parameters, lr: Node, config: LceConfig, sizes: Extents, judged?: Node): Corrected {
  if (judgesBlur(config)) return correctorNetwork(p, lr, config.scale, sizes, judged)
  return { clr: corrects(config) ? G.input(CLR, lr.shape) : lr }
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
