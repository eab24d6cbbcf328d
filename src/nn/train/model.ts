/** The embedded default model: its configuration, its first weights and its training graphs. */
import type { ModelConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { modelGraph } from '../../models/float/index.ts'
import { adamDefaults, adamStep } from '../adam.ts'
import { input } from '../graph.ts'
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

export const adam = { ...adamDefaults, beta2: 0.99 }

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

/** Sessions for a batch `[rows, length]`: one training step, and the loss alone. Inputs `tokens` and `targets`. */
export async function trainingSessions(
  config: ModelConfig,
  shapes: ReadonlyMap<string, Shape>,
  rows: number,
  length: number,
  threads: number,
) {
  const { logits, weights } = modelGraph(config, shapes, input('tokens', [rows, length], 'i32'))
  const loss = crossEntropy(logits, input('targets', [rows, length], 'i32'))
  const outputs = { loss, ...adamStep(loss, weights, adam) }
  return {
    step: await openSession<string>(outputs, { threads }),
    loss: await openSession({ loss }, { threads }),
  }
}
