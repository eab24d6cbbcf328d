/**
 * The frequency-spatial attention block (FSAB): window attention and, in the frequency domain, spatial attention side
 * by side, then an MLP. Tokens are pixels sorted by windows: `[n, windows * AREA, channels]`.
 */
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import { linear } from '../../nn/layers.ts'
import type { Extents, LceConfig } from './config.ts'
import { dftMatrix, FREQUENCY_COUNT, inverseDftMatrix } from './dft.ts'
import type { Parameters } from './parameters.ts'
import { AREA, OFFSETS, relativeIndex, wrapMask } from './windows.ts'

const NORM_EPS = 1e-5

/** Public matrices of an image's size, one node each for all blocks. */
export interface Publics {
  /** `[2 FREQUENCY_COUNT, AREA]` and `[AREA, 2 FREQUENCY_COUNT]` */
  readonly dft: Node
  readonly inverseDft: Node
  /** i32 `[AREA * AREA]` */
  readonly offsets: Node
  /** `[windows, 1, AREA, AREA]` */
  readonly mask: Node
}

/** @param height,width multiples of the window */
export function publics(height: number, width: number): Publics {
  return {
    dft: G.constant(dftMatrix(), [2 * FREQUENCY_COUNT, AREA]),
    inverseDft: G.constant(inverseDftMatrix(), [AREA, 2 * FREQUENCY_COUNT]),
    offsets: G.constant(relativeIndex(), [AREA * AREA]),
    mask: G.constant(wrapMask(height, width), [(height * width) / AREA, 1, AREA, AREA]),
  }
}

/** @param shifted whether the windows are the shifted ones, some of which wrap around */
export function fsab(
  p: Parameters,
  name: string,
  x: Node,
  config: LceConfig,
  sizes: Extents,
  shared: Publics,
  shifted: boolean,
): Node {
  const { channels: c, expansion } = sizes
  // Gain and bias of the norms would only repeat what the linear maps after them can do.
  const y = G.normalize(x, NORM_EPS)
  let sum = x
  if (config.attention)
    sum = G.add(sum, windowAttention(p, `${name}.attention`, y, sizes.heads, shared, shifted))
  if (config.frequency !== 'none') {
    const spectrum = toSpectrum(y, shared)
    const part = config.frequency === 'attention' ? attended(p, name, spectrum) : mixed(p, name, spectrum)
    const alpha = p.declare(`${name}.frequency.alpha`, [1, 1], { value: 0.1 })
    // alpha scales the matrix, which is smaller than the features.
    const out = G.mul(p.weights(`${name}.frequency.out.weight`, c, c), alpha)
    sum = G.add(sum, linear(fromSpectrum(part, x, shared), out))
  }
  const up = p.matrix(`${name}.mlp.up`, expansion * c, c, Math.SQRT2)
  const down = p.matrix(`${name}.mlp.down`, c, expansion * c, 0.3)
  const hidden = G.relu(linear(G.normalize(sum, NORM_EPS), up.weight, up.bias))
  return G.add(sum, linear(hidden, down.weight, down.bias))
}

/** Self-attention within windows, with a learnt bias for each offset between two pixels. */
function windowAttention(
  p: Parameters,
  name: string,
  y: Node,
  heads: number,
  shared: Publics,
  shifted: boolean,
): Node {
  const [n, pixels, c] = y.shape as [number, number, number]
  const [windows, width] = [pixels / AREA, c / heads]
  const qkv = p.weights(`${name}.qkv.weight`, 3 * c, c)
  const out = p.weights(`${name}.out.weight`, c, c, 0.3)
  const table = p.declare(`${name}.offsets`, [OFFSETS, heads], { deviation: 0.02 })

  // `[n * windows, heads, AREA, width]`; one head needs no transposition.
  const part = (i: number) => {
    const of = linear(y, G.slice(qkv, 0, i * c, (i + 1) * c))
    if (heads === 1) return G.reshape(of, [n * windows, 1, AREA, c])
    return G.transpose(G.reshape(of, [n * windows, AREA, heads, width]), [0, 2, 1, 3])
  }
  const scores = G.matmul(G.mul(part(0), 1 / Math.sqrt(width)), part(1), false, true)
  const byOffset = G.reshape(G.transpose(G.gather(table, shared.offsets), [1, 0]), [heads, AREA, AREA])
  const bias = shifted ? G.add(byOffset, shared.mask) : byOffset
  const weights = G.softmax(G.add(G.reshape(scores, [n, windows, heads, AREA, AREA]), bias))
  const read = G.matmul(G.reshape(weights, [n * windows, heads, AREA, AREA]), part(2))
  const joined = heads === 1 ? read : G.transpose(read, [0, 2, 1, 3])
  return linear(G.reshape(joined, [n, pixels, c]), out)
}

/** `[n, pixels, c]` to `[n * windows, FREQUENCY_COUNT, 2 c]`: at each frequency of a window, real parts and imaginary parts. */
export function toSpectrum(x: Node, { dft }: Publics): Node {
  const c = x.shape[2]!
  return G.reshape(G.matmul(dft, G.reshape(x, [-1, AREA, c])), [-1, FREQUENCY_COUNT, 2 * c])
}

/** Inverse of `toSpectrum`, in the shape of `like`. */
export function fromSpectrum(spectrum: Node, like: Node, { inverseDft }: Publics): Node {
  const rows = G.reshape(spectrum, [-1, 2 * FREQUENCY_COUNT, like.shape[2]!])
  return G.reshape(G.matmul(inverseDft, rows), like.shape)
}

/**
 * Each frequency times a weight in (0, 1), the same for all channels, that depends on the window's power at all
 * frequencies. log(1 + power) is smooth at 0, and the mean over channels needs no comparison.
 */
function attended(p: Parameters, name: string, spectrum: Node): Node {
  const k = FREQUENCY_COUNT
  const squares = G.reshape(G.mul(spectrum, spectrum), [-1, k, 2, spectrum.shape[2]! / 2])
  const level = G.mean(G.log(G.add(G.sum(squares, [2]), 1)), [3])
  const { weight, bias } = p.matrix(`${name}.frequency.weights`, k, k)
  const weights = G.sigmoid(G.add(linear(G.reshape(level, [-1, k]), weight), bias))
  return G.mul(spectrum, G.reshape(weights, [-1, k, 1]))
}

/** A linear map of the real and imaginary parts of all channels, the same for each frequency. */
function mixed(p: Parameters, name: string, spectrum: Node): Node {
  const width = spectrum.shape[2]!
  return linear(spectrum, p.weights(`${name}.frequency.map.weight`, width, width))
}
