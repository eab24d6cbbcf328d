/** The same networks in float: the reference that integer training is compared with. */
import type { Node } from '../../nn/graph.ts'
import * as G from '../../nn/graph.ts'
import { crossEntropy } from '../../nn/layers.ts'
import { gradients } from '../../nn/reverse.ts'
import type { TrainingConfig } from '../config.ts'
import { type Gather, type Network, PIXEL_SCALE, type Stage } from '../network.ts'

/** Input names of a stage's weights [O, C, K] and biases [O]. */
export const weightName = (stage: Stage): string => `${stage.name}.weight`
export const biasName = (stage: Stage): string => `${stage.name}.bias`
export const gradientName = (parameter: string): string => `gradient of ${parameter}`
export const PIXELS = 'pixels'
export const LABELS = 'labels'

/** Means over squares of images [n, c, h, w]. */
const averagePool = (x: Node, size: number): Node => {
  if (size === 1) return x
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const [rows, columns] = [h / size, w / size]
  return G.reshape(G.mean(G.reshape(x, [n, c, rows, size, columns, size]), [3, 5]), [n, c, rows, columns])
}

/** Every `stride`-th entry of an axis, `count` of them. */
const every = (x: Node, axis: number, stride: number, count: number): Node => {
  const missing = stride * count - (x.shape[axis] as number)
  const whole = missing > 0 ? G.pad(x, axis, 0, missing) : G.slice(x, axis, 0, stride * count)
  const shape = [...whole.shape.slice(0, axis), count, stride, ...whole.shape.slice(axis + 1)]
  const first = G.slice(G.reshape(whole, shape), axis + 1, 0, 1)
  return G.reshape(first, [...whole.shape.slice(0, axis), count, ...whole.shape.slice(axis + 1)])
}

const convolve = (x: Node, stage: Stage, g: Gather, weight: Node, bias: Node): Node => {
  const kernels = G.reshape(weight, [stage.units, stage.inChannels, g.kernelHeight, g.kernelWidth])
  const out = G.conv(x, kernels, g.padding, bias)
  return g.stride === 1 ? out : every(every(out, 2, g.stride, g.outHeight), 3, g.stride, g.outWidth)
}

/** z [n, O, P] of a stage's input [n, C, Q]. */
const forward = (x: Node, stage: Stage, weight: Node, bias: Node): Node => {
  const n = x.shape[0] as number
  const g = stage.gather
  const image = g && averagePool(G.reshape(x, [n, stage.inChannels, g.height, g.width]), g.pool)
  if (image && stage.positions > 1) {
    return G.reshape(convolve(image, stage, g, weight, bias), [n, stage.units, stage.positions])
  }
  const fan = stage.inChannels * stage.taps
  const product = G.matmul(
    G.reshape(image ?? x, [n, fan]),
    G.reshape(weight, [stage.units, fan]),
    false,
    true,
  )
  return G.reshape(G.add(product, bias), [n, stage.units, 1])
}

export interface FloatNetwork {
  /** Inputs by name: pixels [n, features] as bytes, labels i32 [n], weights and biases. */
  readonly logits: Node
  /** Mean over the batch. */
  readonly loss: Node
  readonly parameters: ReadonlyMap<string, Node>
}

/** @param examples n, those of one run */
export const floatNetwork = (config: TrainingConfig, network: Network, examples: number): FloatNetwork => {
  const parameters = new Map<string, Node>()
  const parameter = (name: string, shape: readonly number[]): Node => {
    const node = G.input(name, shape)
    parameters.set(name, node)
    return node
  }
  let x = G.mul(G.input(PIXELS, [examples, network.features]), 2 ** -PIXEL_SCALE)
  for (const stage of network.stages) {
    const weight = parameter(weightName(stage), [stage.units, stage.inChannels, stage.taps])
    const bias = parameter(biasName(stage), [stage.units])
    const z = forward(G.reshape(x, [examples, stage.inChannels, stage.inPositions]), stage, weight, bias)
    x = stage.relu ? G.relu(z) : z
  }
  const logits = G.reshape(x, [examples, config.classes])
  const labels = G.input(LABELS, [examples], 'i32')
  return { logits, loss: lossOf(config, logits, labels), parameters }
}

const lossOf = (config: TrainingConfig, logits: Node, labels: Node): Node => {
  if (config.loss === 'softmax-cross-entropy') return crossEntropy(logits, labels)
  const error = G.sub(logits, G.oneHot(labels, config.classes))
  const squares = G.sum(G.mul(error, error), [0, 1])
  return G.reshape(G.mul(squares, 0.5 / (labels.shape[0] as number)), [])
}

/** The loss's gradients, each under the name of an output. */
export const floatGradients = ({ loss, parameters }: FloatNetwork): Record<string, Node> => {
  const nodes = [...parameters.values()]
  const found = gradients(loss, nodes)
  return Object.fromEntries([...parameters.keys()].map((name, i) => [gradientName(name), found[i] as Node]))
}
