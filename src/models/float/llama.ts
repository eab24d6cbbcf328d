/** The LLaMA family (Touvron et al.): RMSNorm, rotary positions, grouped-query attention, gated feed-forward. */
import type { ModelConfig } from '../../import/config.ts'
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'
import { activations, causalAttention, causalMask, linear, rmsNorm, splitHeads } from '../../nn/layers.ts'
import type { Shape } from '../../nn/op.ts'
import { type RopeNodes, type RopeTable, ropeNodes, ropeTable, rotate } from './rope.ts'
import type { Weights } from './weights.ts'

export interface LlamaOptions {
  /** At least as many positions as tokens. */
  readonly rope?: RopeTable
  /** Applied to the embedding and to what each branch adds to the residual stream: the place for dropout. */
  readonly perturb?: (x: Node) => Node
}

/**
 * @param tokens i32 `[b, t]`
 * @returns logits `[b, t, vocab]`
 */
export function llama(config: ModelConfig, weights: Weights, tokens: Node, options: LlamaOptions = {}): Node {
  const t = tokens.shape[1]!
  const rope = ropeNodes(options.rope ?? ropeTable(config, t), t, config.headDim)
  const perturb = options.perturb ?? (x => x)
  const shared: Shared = { rope, mask: causalMask(t), perturb }
  const table = weights.get('embed_tokens.weight', [config.vocabSize, config.hiddenSize])
  let x = perturb(G.gather(table, tokens))
  for (let i = 0; i < config.layers; i++) x = block(config, weights, `layers.${i}.`, x, shared)
  x = rmsNorm(x, weights.get('norm.weight', [config.hiddenSize]), config.normEps)
  return linear(x, config.tiedHead ? table : weights.full('lm_head.weight', table.shape))
}

/** What every layer uses alike. */
interface Shared {
  readonly rope: RopeNodes
  readonly mask: Node
  readonly perturb: (x: Node) => Node
}

function block(config: ModelConfig, weights: Weights, at: string, x: Node, shared: Shared): Node {
  const norm = (name: string, v: Node) =>
    rmsNorm(v, weights.get(`${at}${name}.weight`, [config.hiddenSize]), config.normEps)
  const mixed = attention(config, weights, `${at}self_attn.`, norm('input_layernorm', x), shared)
  const h = G.add(x, shared.perturb(mixed))
  const fed = feedForward(config, weights, `${at}mlp.`, norm('post_attention_layernorm', h))
  return G.add(h, shared.perturb(fed))
}

/** A projection with its bias if the family member has one. */
function project(weights: Weights, name: string, x: Node, out: number, bias: boolean): Node {
  const w = weights.get(`${name}.weight`, [out, x.shape.at(-1)!])
  return linear(x, w, bias ? weights.get(`${name}.bias`, [out]) : undefined)
}

function attention(config: ModelConfig, weights: Weights, at: string, x: Node, shared: Shared): Node {
  const { heads, kvHeads, headDim, attentionBias } = config
  const [b, t] = x.shape as [number, number, number]
  const split = (name: string, n: number) =>
    splitHeads(project(weights, `${at}${name}`, x, n * headDim, attentionBias), [b, t], n)
  const q = rotate(split('q_proj', heads), shared.rope)
  const k = rotate(split('k_proj', kvHeads), shared.rope)
  const mixed = causalAttention(q, k, split('v_proj', kvHeads), shared.mask)
  return project(weights, `${at}o_proj`, mixed, config.hiddenSize, attentionBias)
}

function feedForward(config: ModelConfig, weights: Weights, at: string, x: Node): Node {
  const { ffSize, mlpBias } = config
  const gate = activations[config.activation](project(weights, `${at}gate_proj`, x, ffSize, mlpBias))
  const up = project(weights, `${at}up_proj`, x, ffSize, mlpBias)
  return project(weights, `${at}down_proj`, G.mul(gate, up), config.hiddenSize, mlpBias)
}

/** Names and shapes of the weights of a bias-free member with a tied head. */
export function llamaShapes(config: ModelConfig): Map<string, Shape> {
  const { hiddenSize: h, ffSize: f, headDim } = config
  const [q, kv] = [config.heads * headDim, config.kvHeads * headDim]
  const shapes = new Map<string, Shape>([['model.embed_tokens.weight', [config.vocabSize, h]]])
  for (let i = 0; i < config.layers; i++) {
    const layer: Record<string, Shape> = {
      'input_layernorm.weight': [h],
      'self_attn.q_proj.weight': [q, h],
      'self_attn.k_proj.weight': [kv, h],
      'self_attn.v_proj.weight': [kv, h],
      'self_attn.o_proj.weight': [h, q],
      'post_attention_layernorm.weight': [h],
      'mlp.gate_proj.weight': [f, h],
      'mlp.up_proj.weight': [f, h],
      'mlp.down_proj.weight': [h, f],
    }
    for (const [name, shape] of Object.entries(layer)) shapes.set(`model.layers.${i}.${name}`, shape)
  }
  return shapes.set('model.norm.weight', [h])
}
