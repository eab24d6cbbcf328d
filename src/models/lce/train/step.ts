/** One training step of a network, as one graph. */
import { InputError } from '../../../errors.ts'
import { type AdamOptions, adamDefaults, adamStep, next } from '../../../nn/adam.ts'
import * as G from '../../../nn/graph.ts'
import type { Node } from '../../../nn/graph.ts'
import { softCrossEntropy } from '../../../nn/layers.ts'
import { muonStep, type Segment } from '../../../nn/muon.ts'
import { gradients } from '../../../nn/reverse.ts'
import { sizeOf } from '../../../nn/shape.ts'
import { type LceConfig, WINDOW } from '../config.ts'
import { type LceGraph, lceGraph } from '../network.ts'
import { Parameters } from '../parameters.ts'
import type { Loss, StepOptions } from './options.ts'

export const adam: AdamOptions = { ...adamDefaults, beta1: 0.9, beta2: 0.99, weightDecay: 0 }

/** Input that holds all parameters, packed: their update is a few large operations in place of very many small ones. */
export const PARAMETERS = 'parameters'
/** Inputs beside those of the network: what `packed`, `clr` and `blur` are to be. */
export const HR = 'hr'
export const CLEAR = 'clear'
export const BLUR = 'blur'

/** Of the blur's cross-entropy beside the errors of the images. */
const BLUR_WEIGHT = 0.02

/** The distances of `a` and `b`, `[n, ...]`, over rows, averaged. */
function meanDistance(a: Node, b: Node, loss: Loss): Node {
  const difference = G.sub(a, b)
  const rest = a.shape.map((_, i) => i).slice(1)
  const rows =
    loss === 'l1'
      ? G.mean(G.abs(difference), rest)
      : G.sqrt(G.add(G.mean(G.mul(difference, difference), rest), 1e-8))
  return G.reshape(G.mean(rows, [0]), [])
}

export interface TrainingGraph extends LceGraph {
  /** Distances of the result and, where a Corrector is trained, of the corrected image; its blur's cross-entropy. */
  readonly losses: Readonly<Record<string, Node>>
  /** A step's outputs: the losses, and the next state of parameters and moments. */
  readonly outputs: Record<string, Node>
}

/** @throws InputError where a network without a Corrector is to learn otherwise than jointly */
export function trainingGraph(config: LceConfig, options: StepOptions): TrainingGraph {
  const { rows, patch, optimizer, learning, loss } = options
  const packed = G.input(PARAMETERS, [lceGraph(config, WINDOW, WINDOW).parameters.count])
  let at = 0
  const parameters = new Parameters((_, shape) => {
    const start = at
    at += sizeOf(shape)
    return G.reshape(G.slice(packed, 0, start, at), shape)
  })
  const graph = lceGraph(config, patch, patch, rows, parameters)
  const losses: Record<string, Node> = {}
  const parts: Node[] = []
  if (learning !== 'corrector') {
    losses.srLoss = meanDistance(graph.packed, G.input(HR, graph.packed.shape), loss)
    parts.push(losses.srLoss)
  }
  const { clr, blur } = graph
  if (!blur && learning !== 'joint')
    throw new InputError('learning', 'joint, for a network without a Corrector of its own', learning)
  if (blur) {
    losses.clrLoss = meanDistance(clr, G.input(CLEAR, clr.shape), 'l1')
    losses.blurLoss = softCrossEntropy(blur, G.input(BLUR, blur.shape))
    parts.push(G.add(losses.clrLoss, G.mul(losses.blurLoss, BLUR_WEIGHT)))
  }
  const total = parts.reduce((a, b) => G.add(a, b))
  // The Corrector's parameters come first, and only they decide its losses, the last part.
  const all = [...parameters.nodes]
  const own = learning === 'detached' ? all.filter(([name]) => name.startsWith('corrector.')) : []
  const grads = [
    ...gradients(
      parts.at(-1)!,
      own.map(([, node]) => node),
    ),
    ...gradients(
      total,
      all.slice(own.length).map(([, node]) => node),
    ),
  ]
  const gradient = G.concat(
    grads.map(g => G.reshape(g, [-1])),
    0,
  )
  const step = adamStep(total, new Map([[PARAMETERS, packed]]), adam, [gradient])
  if (optimizer === 'muon') step[next(PARAMETERS)] = muonStep(packed, PARAMETERS, step, segments(parameters))
  return { ...graph, losses, outputs: { ...losses, ...step } }
}

/** Layers from or to pixels: Muon is for those between. */
const OUTER = /^(corrector\.(head|mix|tail)|stem\.(lr|clr)|tail)\./
/** Rows and columns that make a matrix worth moving as a whole. */
const LEAST_SIDE = 16

/** The parameters in their packed order; kernels `[o, c, k, k]` count as matrices `[o, c k k]`. */
function segments(parameters: Parameters): Segment[] {
  let end = 0
  return [...parameters.nodes].map(([name, { shape }]) => {
    const start = end
    end += sizeOf(shape)
    const matrix = [shape[0]!, sizeOf(shape.slice(1))] as const
    const whole = !OUTER.test(name) && Math.min(...matrix) >= LEAST_SIDE
    return { start, end, ...(whole && { matrix }) }
  })
}

/** Floating-point operations of the products and convolutions that some outputs need; a multiplication and an addition are two. */
export function operations(outputs: readonly Node[]): number {
  let total = 0
  for (const { op, args, shape } of G.topological(outputs)) {
    const [a, b] = args
    if (op.kind === 'matmul') total += 2 * sizeOf(shape) * a!.shape.at(op.transA ? -2 : -1)!
    else if (op.kind === 'conv') total += 2 * sizeOf(shape) * sizeOf(b!.shape.slice(1))
    else if (op.kind === 'correlate') total += 2 * sizeOf(b!.shape) * sizeOf(shape.slice(1))
  }
  return total
}
