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
 */
export function correctorNetwork(
  p: Parameters,
  lr: Node,
  scale: Scale,
  { correctorChannels: c, correctorBlocks }: Extents,
): Corrected {
  const [n, , h, w] = lr.shape as [number, number, number, number]
  const bank = filtered(lr, scale)
  // `[n, 3, 1 + count, h w]`, blurs ascending.
  const candidates = G.concat(
    [lr, bank].map(x => G.reshape(x, [n, 3, -1, h * w])),
    2,
  )
  const known = candidates.shape[2]!
  let x = convolution(p, 'corrector.head', G.concat([lr, bank], 1), c, 3)
  for (let i = 0; i < correctorBlocks; i++) x = residualBlock(p, `corrector.blocks.${i}`, x)
  const blur = blurLogits(p, 'corrector.blur', candidates, x)
  const local = convolution(p, 'corrector.mix', x, known, 3, 0.1)
  const logits = G.reshape(G.add(local, G.reshape(blur, [n, known, 1, 1])), [n, known, h * w])
  const shares = G.transpose(G.softmax(G.transpose(logits, [0, 2, 1])), [0, 2, 1])
  const mean = G.sum(G.mul(candidates, G.reshape(shares, [n, 1, known, h * w])), [2])
  return { clr: G.add(G.reshape(mean, lr.shape), convolution(p, 'corrector.tail', x, 3, 3, 0.02)), blur }
}

/**
 * How much each filter changes what the one before it made says which blur it was: where the blur left no detail, a
 * filter finds none. Three power means of these changes over the whole image, as logarithms, whose differences no
 * contrast alters, and the features at places that a learnt weight picks go through a network of two layers.
 * @param candidates `[n, 3, known, h w]`
 * @param x features `[n, c, h, w]`
 * @returns `[n, known]`
 */
function blurLogits(p: Parameters, name: string, candidates: Node, x: Node): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const known = candidates.shape[2]!
  const changes = G.sub(G.slice(candidates, 2, 1, known), G.slice(candidates, 2, 0, known - 1))
  const squares = G.mul(changes, changes)
  const powers = [G.abs(changes), squares, G.mul(squares, squares)]
  const levels = powers.map((power, i) => {
    const exponent = 2 ** i
    const log = G.log(G.add(G.mean(power, [1, 3]), FAINTEST ** exponent))
    return G.reshape(G.add(G.mul(log, 1 / exponent), USUAL), [n, known - 1])
  })
  const trust = G.softmax(G.reshape(convolution(p, `${name}.trust`, x, 1, 3, 0.3), [n, 1, h * w]))
  const picked = G.matmul(trust, G.reshape(x, [n, c, h * w]), false, true)
  const seen = G.concat([...levels, G.reshape(picked, [n, c])], 1)
  const first = p.matrix(`${name}.0`, 2 * c, seen.shape[1]!, Math.SQRT2)
  const second = p.matrix(`${name}.1`, known, 2 * c, 0.3)
  return linear(G.relu(linear(seen, first.weight, first.bias)), second.weight, second.bias)
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
