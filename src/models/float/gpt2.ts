/** GPT-2 (Radford et al. 2019): LayerNorm, learned positions, projections in Conv1D layout `[in, out]`. */
import type { ModelConfig } from '../../import/config.ts'
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import {
  activations,
  causalAttention,
  causalMask,
  conv1d,
  layerNorm,
  linear,
  splitHeads,
} from '../../nn/layers.ts'
import type { Weights } from './weights.ts'

/**
 * @param tokens i32 `[b, t]`
 * @returns logits `[b, t, vocab]`
 */
export function gpt2(config: ModelConfig, weights: Weights, tokens: Node): Node {
  const { hiddenSize, vocabSize, maxPositions } = config
  const table = weights.get('wte.weight', [vocabSize, hiddenSize])
  const positions = G.slice(weights.get('wpe.weight', [maxPositions, hiddenSize]), 0, 0, tokens.shape[1]!)
  let x = G.add(G.gather(table, tokens), positions)
  const mask = causalMask(tokens.shape[1]!)
  for (let i = 0; i < config.layers; i++) x = block(config, weights, `h.${i}.`, x, mask)
  x = norm(config, weights, 'ln_f', x)
  return linear(x, config.tiedHead ? table : weights.full('lm_head.weight', table.shape))
}

function norm(config: ModelConfig, weights: Weights, name: string, x: Node): Node {
  const part = (p: string) => weights.get(`${name}.${p}`, [config.hiddenSize])
  return layerNorm(x, part('weight'), part('bias'), config.normEps)
}

function project(weights: Weights, name: string, x: Node, out: number): Node {
  return conv1d(x, weights.get(`${name}.weight`, [x.shape.at(-1)!, out]), weights.get(`${name}.bias`, [out]))
}

function block(config: ModelConfig, weights: Weights, at: string, x: Node, mask: Node): Node {
  const { hiddenSize, heads, ffSize, activation } = config
  const [b, t] = x.shape as [number, number, number]
  // Queries, keys and values side by side in one product.
  const qkv = project(weights, `${at}attn.c_attn`, norm(config, weights, `${at}ln_1`, x), 3 * hiddenSize)
  const part = (i: number) =>
    splitHeads(G.slice(qkv, -1, i * hiddenSize, (i + 1) * hiddenSize), [b, t], heads)
  const mixed = causalAttention(part(0), part(1), part(2), mask)
  const h = G.add(x, project(weights, `${at}attn.c_proj`, mixed, hiddenSize))
  const up = project(weights, `${at}mlp.c_fc`, norm(config, weights, `${at}ln_2`, h), ffSize)
  return G.add(h, project(weights, `${at}mlp.c_proj`, activations[activation](up), hiddenSize))
}
