/** The embedded default model: its configuration, its first weights and its training graphs. */
import type { ModelConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { llama } from '../../models/float/llama.ts'
import { Weights } from '../../models/float/weights.ts'
import { adamDefaults, adamStep } from '../adam.ts'
import { input, mul, type Node } from '../graph.ts'
import { crossEntropy } from '../layers.ts'
import type { Shape } from '../op.ts'
import { normal, type Random } from '../random.ts'
import { openSession } from '../session.ts'
import { sizeOf } from '../shape.ts'

/** Id 0, before a text and after it. */
export const SPECIAL = '<|endoftext|>'

export const demoConfig: ModelConfig = {
  family: 'llama',
  vocabSize: 1024,
  hiddenSize: 128,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  ffSize: 384,
  maxPositions: 256,
  normEps: 1e-5,
  tiedHead: true,
  activation: 'silu',
  ropeTheta: 10000,
  ropeScaling: { type: 'none' },
  doLayerNormBefore: true,
  attentionBias: false,
  mlpBias: false,
  bosToken: 0,
  eosToken: [0],
}

/** The text is read many times over, which calls for more decay than a model that sees each word once. */
export const adam = { ...adamDefaults, beta2: 0.99, weightDecay: 0.5 }

/**
 * Gains of 1; matrices normal with deviation 0.6 / sqrt(inputs), those that write into the residual stream smaller by
 * sqrt(2 layers) so that its size does not grow with depth; the embedding, which is also the head, 0.04.
 */
export function initialWeights(
  shapes: ReadonlyMap<string, Shape>,
  layers: number,
  random: Random,
): Map<string, FloatTensor> {
  const deviation = (name: string, shape: Shape) => {
    if (name.includes('embed')) return 0.04
    const residual = /(o_proj|down_proj)\.weight$/.test(name) ? Math.sqrt(2 * layers) : 1
    return 0.6 / Math.sqrt(shape[1]!) / residual
  }
  const draw = (name: string, shape: Shape) =>
    shape.length === 1
      ? new Float32Array(shape[0]!).fill(1)
      : Float32Array.from({ length: sizeOf(shape) }, () => deviation(name, shape) * normal(random))
  return new Map([...shapes].map(([name, shape]) => [name, { shape: [...shape], data: draw(name, shape) }]))
}

/** Masks of the dropped entries, one per place where dropout applies: 0 or 1/keep, `[rows, length, hidden]`. */
const maskName = (place: number) => `dropout.${place}`

/** @param rate share of the entries that are dropped, 0..1 */
export function dropoutMasks(
  rows: number,
  length: number,
  rate: number,
  random: Random,
): Record<string, Float32Array> {
  const places = 1 + 2 * demoConfig.layers
  const size = rows * length * demoConfig.hiddenSize
  const draw = () => {
    // A plain loop: `Float32Array.from` takes longer here than a layer's gradient.
    const mask = new Float32Array(size)
    for (let i = 0; i < size; i++) mask[i] = random() < rate ? 0 : 1 / (1 - rate)
    return mask
  }
  return Object.fromEntries(Array.from({ length: places }, (_, i) => [maskName(i), draw()]))
}

/** Sessions for a batch `[rows, length]`: a training step with dropout, and the loss without. Inputs `tokens`, `targets`. */
export async function trainingSessions(
  shapes: ReadonlyMap<string, Shape>,
  rows: number,
  length: number,
  threads: number,
) {
  const tokens = input('tokens', [rows, length], 'i32')
  const targets = input('targets', [rows, length], 'i32')
  const weights = new Weights(shapes, 'embed_tokens.weight')
  const lossOf = (perturb?: (x: Node) => Node) =>
    crossEntropy(llama(demoConfig, weights, tokens, { perturb }), targets)
  let place = 0
  const noisy = lossOf(x => mul(x, input(maskName(place++), x.shape)))
  return {
    step: await openSession<string>({ loss: noisy, ...adamStep(noisy, weights.used, adam) }, { threads }),
    loss: await openSession({ loss: lossOf() }, { threads }),
  }
}
