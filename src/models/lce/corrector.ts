/** The Corrector: from the low-resolution image to what it would be without blur. */
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import { linear } from '../../nn/layers.ts'
import type { Scale } from '../../image/degrade.ts'
import type { Extents } from './config.ts'
import { correctionBank } from './filter.ts'
import { convolution, repeatEdges, residualBlock } from './layers.ts'
import type { Parameters } from './parameters.ts'

export interface Corrected {
  /** The corrected image, in the shape of the low-resolution one. */
  readonly clr: Node
  /** Where a Corrector judged the blur: logits of the shares that `bankShares` yields, `[n, 1 + bank]`. */
  readonly blur?: Node
}

/**
 * The closed-form filters for a few blurs are public. Which blur it was is judged from the whole image; the
 * corrected image is a mean of the filtered ones by that judgement, which convolutions vary from pixel to pixel, and to
 * which they add what no linear filter can do.
 * @param judged logits of the blur `[n, 1 + bank]`, where it was judged from a larger image than this
 */
export function correctorNetwork(
  p: Parameters,
  lr: Node,
  scale: Scale,
  sizes: Extents,
  judged?: Node,
): Corrected {
  const [n, , h, w] = lr.shape as [number, number, number, number]
  const view = look(p, lr, scale, sizes)
  const { candidates, features } = view
  const known = candidates.shape[2]!
  const blur = judged ?? judgement(p, evidence(p, view))
  const local = convolution(p, 'corrector.mix', features, known, 3, 0.1)
  const logits = G.reshape(G.add(local, G.reshape(blur, [n, known, 1, 1])), [n, known, h * w])
  const shares = G.transpose(G.softmax(G.transpose(logits, [0, 2, 1])), [0, 2, 1])
  const mean = G.sum(G.mul(candidates, G.reshape(shares, [n, 1, known, h * w])), [2])
  const rest = convolution(p, 'corrector.tail', features, 3, 3, 0.02)
  return { clr: G.add(G.reshape(mean, lr.shape), rest), blur }
}

/** The image and what each filter makes of it, blurs ascending, `[n, 3, known, h w]`; features `[n, c, h, w]`. */
interface View {
  readonly candidates: Node
  readonly features: Node
}

function look(p: Parameters, lr: Node, scale: Scale, { correctorChannels, correctorBlocks }: Extents): View {
  const [n, , h, w] = lr.shape as [number, number, number, number]
  const bank = filtered(lr, scale)
  const candidates = G.concat(
    [lr, bank].map(x => G.reshape(x, [n, 3, -1, h * w])),
    2,
  )
  let x = convolution(p, 'corrector.head', G.concat([lr, bank], 1), correctorChannels, 3)
  for (let i = 0; i < correctorBlocks; i++) x = residualBlock(p, `corrector.blocks.${i}`, x)
  return { candidates, features: x }
}

/** What an image shows of its blur. That of a large image is made of its tiles' (`wholeEvidence`). */
export interface Evidence<T = Node> {
  /** Means over the image of the first, second and fourth powers of what each filter changes, `[n, 3, known - 1]`. */
  readonly powers: T
  /** Mean of the features by how far each place is trusted, `[n, c]`. */
  readonly picked: T
  /** Logarithm of the sum of all places' trust, `[n, 1]`: the sum itself may be beyond any float. */
  readonly trust: T
}

/** @returns the evidence in an image `[n, 3, h, w]` */
export function blurEvidence(p: Parameters, lr: Node, scale: Scale, sizes: Extents): Evidence {
  return evidence(p, look(p, lr, scale, sizes))
}

/**
 * How much each filter changes what the one before it made says which blur it was: where the blur left no detail, a
 * filter finds none. Places are trusted by a learnt weight.
 */
function evidence(p: Parameters, { candidates, features }: View): Evidence {
  const [n, c, h, w] = features.shape as [number, number, number, number]
  const known = candidates.shape[2]!
  const changes = G.sub(G.slice(candidates, 2, 1, known), G.slice(candidates, 2, 0, known - 1))
  const squares = G.mul(changes, changes)
  const powers = [G.abs(changes), squares, G.mul(squares, squares)].map(power => {
    return G.reshape(G.mean(power, [1, 3]), [n, 1, known - 1])
  })
  const logits = G.reshape(convolution(p, 'corrector.blur.trust', features, 1, 3, 0.3), [n, 1, h * w])
  const picked = G.matmul(G.softmax(logits), G.reshape(features, [n, c, h * w]), false, true)
  const first = (x: Node) => G.slice(x, 2, 0, 1)
  return {
    powers: G.concat(powers, 1),
    picked: G.reshape(picked, [n, c]),
    // log sum exp = x - logSoftmax(x), at any place.
    trust: G.reshape(G.sub(first(logits), first(G.logSoftmax(logits))), [n, 1]),
  }
}

/**
 * Power means as logarithms, whose differences no contrast alters, and features through a network of two layers.
 * @returns logits `[n, known]`
 */
export function judgement(p: Parameters, { powers, picked }: Omit<Evidence, 'trust'>): Node {
  const [n, , filters] = powers.shape as [number, number, number]
  const c = picked.shape[1]!
  const levels = [1, 2, 4].map((exponent, i) => {
    const log = G.log(G.add(G.slice(powers, 1, i, i + 1), FAINTEST ** exponent))
    return G.reshape(G.add(G.mul(log, 1 / exponent), USUAL), [n, filters])
  })
  const seen = G.concat([...levels, picked], 1)
  const first = p.matrix('corrector.blur.0', 2 * c, seen.shape[1]!, Math.SQRT2)
  const second = p.matrix('corrector.blur.1', filters + 1, 2 * c, 0.3)
  return linear(G.relu(linear(seen, first.weight, first.bias)), second.weight, second.bias)
}

/** The evidence of an image from that of its tiles, all of one size. */
export function wholeEvidence(tiles: readonly Evidence<Float32Array>[]): Evidence<Float32Array> {
  const mean = (vectors: readonly Float32Array[], weights: readonly number[]): Float32Array => {
    const total = weights.reduce((a, b) => a + b)
    return vectors[0]!.map((_, i) => vectors.reduce((sum, v, t) => sum + v[i]! * weights[t]!, 0) / total)
  }
  const equal = tiles.map(() => 1)
  const highest = Math.max(...tiles.map(tile => tile.trust[0]!))
  const trust = tiles.map(tile => Math.exp(tile.trust[0]! - highest))
  const all = (key: keyof Evidence) => tiles.map(tile => tile[key])
  return {
    powers: mean(all('powers'), equal),
    picked: mean(all('picked'), trust),
    trust: Float32Array.of(highest + Math.log(trust.reduce((a, b) => a + b))),
  }
}

/** A change that is no more than rounding. */
const FAINTEST = 1e-4
/** Minus the logarithm of a usual change, so that levels are about 0. */
const USUAL = 5

/** Each channel through every kernel of the filter bank, edges repeated: `[n, 3 count, h, w]`. */
export function filtered(lr: Node, scale: Scale): Node {
  const { count, size, weights } = correctionBank(scale)
  const [n, c, h, w] = lr.shape as [number, number, number, number]
  const half = (size - 1) / 2
  const wide = repeatEdges(repeatEdges(lr, 2, half), 3, half)
  const planes = G.reshape(wide, [n * c, 1, h + 2 * half, w + 2 * half])
  return G.reshape(G.conv(planes, G.constant(weights, [count, 1, size, size]), 0), [n, c * count, h, w])
}
