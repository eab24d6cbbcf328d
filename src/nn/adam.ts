/**
 * AdamW as a graph: parameters and their two moments in, the next ones out, so that a training step is one run
 * whose outputs feed the next (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2).
 */
import * as G from './graph.ts'
import type { Node } from './graph.ts'
import type { Shape } from './op.ts'
import { gradients } from './reverse.ts'
import { sizeOf } from './shape.ts'

export interface AdamOptions {
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  /** Applied to parameters of rank 2 and more, times the learning rate. */
  readonly weightDecay: number
  /** Gradients are scaled down to this Euclidean norm, taken over all parameters. */
  readonly clipNorm: number
}

export const adamDefaults: AdamOptions = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, clipNorm: 1 }

/** Scalars that change with the step; feed them from `stepFeeds`. */
const RATE = 'adam.rate'
const CORRECT1 = 'adam.correct1'
const CORRECT2 = 'adam.correct2'

/** Names of the state of a parameter: inputs of a step, and with `next:` before them its outputs. */
export const firstMoment = (param: string): string => `m:${param}`
export const secondMoment = (param: string): string => `v:${param}`
export const next = (name: string): string => `next:${name}`

/**
 * @param step 1 for the first one
 * @param rate the learning rate of this step
 */
export function stepFeeds(
  step: number,
  rate: number,
  options: AdamOptions = adamDefaults,
): Record<string, Float32Array> {
  return {
    [RATE]: Float32Array.of(rate),
    [CORRECT1]: Float32Array.of(1 / (1 - options.beta1 ** step)),
    [CORRECT2]: Float32Array.of(1 / (1 - options.beta2 ** step)),
  }
}

/** The learning rate of a step, a scalar. */
export const rateInput = (): Node => G.input(RATE, [])

/** Zero moments for every parameter. */
export function initialMoments(shapes: ReadonlyMap<string, Shape>): Record<string, Float32Array> {
  const zeros = [...shapes].flatMap(([name, shape]) => [
    [firstMoment(name), new Float32Array(sizeOf(shape))] as const,
    [secondMoment(name), new Float32Array(sizeOf(shape))] as const,
  ])
  return Object.fromEntries(zeros)
}

/**
 * One step: outputs `next:<name>`, `next:m:<name>`, `next:v:<name>` for each parameter.
 * @param params input nodes by name
 * @param grads of the loss, in the order of `params`
 */
export function adamStep(
  loss: Node,
  params: ReadonlyMap<string, Node>,
  options: AdamOptions = adamDefaults,
  grads: readonly Node[] = gradients(loss, [...params.values()]),
): Record<string, Node> {
  const names = [...params.keys()]
  const squares = grads.map(g =>
    G.reshape(
      G.sum(
        G.mul(g, g),
        g.shape.map((_, i) => i),
      ),
      [],
    ),
  )
  const norm = G.sqrt(squares.reduce((a, b) => G.add(a, b)))
  // min(1, clip / norm) = 1 / (1 + relu(norm / clip - 1))
  const clip = G.reciprocal(G.add(G.relu(G.sub(G.mul(norm, 1 / options.clipNorm), 1)), 1))
  const [rate, correct1, correct2] = [rateInput(), G.input(CORRECT1, []), G.input(CORRECT2, [])]
  const outputs: Record<string, Node> = {}
  names.forEach((name, i) => {
    const w = params.get(name)!
    const g = G.mul(grads[i]!, clip)
    const m = mix(G.input(firstMoment(name), w.shape), g, options.beta1)
    const v = mix(G.input(secondMoment(name), w.shape), G.mul(g, g), options.beta2)
    const direction = G.div(G.mul(m, correct1), G.add(G.sqrt(G.mul(v, correct2)), options.eps))
    const decay = w.shape.length >= 2 ? options.weightDecay : 0
    const move = decay > 0 ? G.add(direction, G.mul(w, decay)) : direction
    outputs[next(name)] = G.sub(w, G.mul(move, rate))
    outputs[next(firstMoment(name))] = m
    outputs[next(secondMoment(name))] = v
  })
  return outputs
}

const mix = (old: Node, fresh: Node, beta: number): Node => G.add(G.mul(old, beta), G.mul(fresh, 1 - beta))
