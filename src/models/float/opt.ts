/** OPT (Zhang et al. 2022): LayerNorm before or after each residual sum, learned positions, ReLU. */
import type { ModelConfig } from '../../import/config.ts'
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import { activations, causalAttention, causalMask, layerNorm, linear, splitHeads } from '../../nn/layers.ts'
import type { Weights } from './weights.ts'

/** The first rows of the position table serve padding; position 0 is row 2. */
const POSITION_OFFSET = 2

/**
 * @param tokens i32 `[b, t]`
 * @returns logits `[b, t, vocab]`
 */
export function opt(config: ModelConfig, weights: Weights, tokens: Node): Node {
  const { hiddenSize, vocabSize, maxPositions } = config
  const table = weights.get('embed_tokens.weight', [vocabSize, hiddenSize])
  const rows = weights.get('embed_positions.weight', [maxPositions + POSITION_OFFSET, hiddenSize])
  const positions = G.slice(rows, 0, POSITION_OFFSET, POSITION_OFFSET + tokens.shape[1]!)
  let x = G.add(G.gather(table, tokens), positions)
  const mask = causalMask(tokens.shape[1]!)
  for (let i = 0; i < config.layers; i++) x = block(config, weights, `layers.${i}.`, x, mask)
  if (config.doLayerNormBefore) x = norm(config, weights, 'final_layer_norm', x)
  return linear(x, config.tiedHead ? table : weights.full('lm_head.weight', table.shape))
}

function norm(config: ModelConfig, weights: Weights, name: string, x: Node): Node {
  const part = (p: string) => weights.get(`${name}.${p}`, [config.hiddenSize])
  return layerNorm(x, part('weight'), part('bias'), config.normEps)
}

function project(weights: Weights, name: string, x: Node, out: number): Node {
  return linear(x, weights.get(`${name}.weight`, [out, x.shape.at(-1)!]), weights.get(`${name}.bias`, [out]))
}

function block(config: ModelConfig, weights: Weights, at: string, x: Node, mask: Node): Node {
  /** A residual branch with its norm in front of the branch, or behind the sum. */
  const residual = (normName: string, v: Node, branch: (n: Node) => Node) =>
    config.doLayerNormBefore
      ? G.add(v, branch(norm(config, weights, at + normName, v)))
      : norm(config, weights, at + normName, G.add(v, branch(v)))
  const h = residual('self_attn_layer_norm', x, v => attention(config, weights, `${at}self_attn.`, v, mask))
  return residual('final_layer_norm', h, v => {
    const up = project(weights, `${at}fc1`, v, config.ffSize)
    return project(weights, `${at}fc2`, activations[config.activation](up), config.hiddenSize)
  })
}

function attention(config: ModelConfig, weights: Weights, at: string, x: Node, mask: Node): Node {
  const { hiddenSize, heads } = config
  const [b, t] = x.shape as [number, number, number]
  const split = (name: string) => splitHeads(project(weights, at + name, x, hiddenSize), [b, t], heads)
  const mixed = causalAttention(split('q_proj'), split('k_proj'), split('v_proj'), mask)
  return project(weights, `${at}out_proj`, mixed, hiddenSize)
}
