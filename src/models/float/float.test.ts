import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { normal, seeded } from '../../nn/random.ts'
import { generate } from './generate.ts'
import { FloatModel, floatLogits } from './index.ts'
import { naiveLogits } from './naive.ts'
import { ropeFrequencies } from './rope.ts'

const llama = {
  model_type: 'llama',
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 40,
  hidden_act: 'silu',
}
const gpt2 = { model_type: 'gpt2', vocab_size: 11, n_embd: 8, n_layer: 2, n_head: 2, n_positions: 40 }
const opt = {
  model_type: 'opt',
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  ffn_dim: 12,
  max_position_embeddings: 40,
  word_embed_proj_dim: 8,
}

type Shapes = Record<string, number[]>
const layers = (stem: string, layer: Shapes): Shapes =>
  Object.fromEntries([0, 1].flatMap(i => Object.entries(layer).map(([n, s]) => [`${stem}${i}.${n}`, s])))
const norm = (name: string): Shapes => ({ [`${name}.weight`]: [8], [`${name}.bias`]: [8] })
const dense = (name: string, weight: number[], bias: number): Shapes => ({
  [`${name}.weight`]: weight,
  [`${name}.bias`]: [bias],
})

/** Two key heads for four query heads; a tied variant leaves `lm_head.weight` unused. */
const llamaShapes = (bias: boolean): Shapes => {
  const linear = (name: string, out: number, inputs: number): Shapes =>
    bias ? dense(name, [out, inputs], out) : { [`${name}.weight`]: [out, inputs] }
  return {
    'model.embed_tokens.weight': [11, 8],
    'model.norm.weight': [8],
    'lm_head.weight': [11, 8],
    ...layers('model.layers.', {
      'input_layernorm.weight': [8],
      'post_attention_layernorm.weight': [8],
      ...linear('self_attn.q_proj', 8, 8),
      ...linear('self_attn.k_proj', 4, 8),
      ...linear('self_attn.v_proj', 4, 8),
      ...linear('self_attn.o_proj', 8, 8),
      ...linear('mlp.gate_proj', 12, 8),
      ...linear('mlp.up_proj', 12, 8),
      ...linear('mlp.down_proj', 8, 12),
    }),
  }
}
const gpt2Shapes: Shapes = {
  'transformer.wte.weight': [11, 8],
  'transformer.wpe.weight': [40, 8],
  ...norm('transformer.ln_f'),
  ...layers('transformer.h.', {
    ...norm('ln_1'),
    ...norm('ln_2'),
    ...dense('attn.c_attn', [8, 24], 24),
    ...dense('attn.c_proj', [8, 8], 8),
    ...dense('mlp.c_fc', [8, 32], 32),
    ...dense('mlp.c_proj', [32, 8], 8),
  }),
}
const optShapes: Shapes = {
  'model.decoder.embed_tokens.weight': [11, 8],
  'model.decoder.embed_positions.weight': [42, 8],
  ...norm('model.decoder.final_layer_norm'),
  ...layers('model.decoder.layers.', {
    ...norm('self_attn_layer_norm'),
    ...norm('final_layer_norm'),
    ...Object.assign({}, ...['q', 'k', 'v', 'out'].map(p => dense(`self_attn.${p}_proj`, [8, 8], 8))),
    ...dense('fc1', [12, 8], 12),
    ...dense('fc2', [8, 12], 8),
  }),
}

function weightsOf(shapes: Shapes): Map<string, FloatTensor> {
  const random = seeded(5)
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 0.5 * normal(random))
      return [name, { shape, data }]
    }),
  )
}

const variants: [string, object, Shapes][] = [
  ['llama, grouped heads, tied', { ...llama, tie_word_embeddings: true }, llamaShapes(false)],
  ['llama, untied', llama, llamaShapes(false)],
  ['llama, biases', { ...llama, attention_bias: true, mlp_bias: true }, llamaShapes(true)],
  ['gpt2', gpt2, gpt2Shapes],
  ['gpt2, exact gelu', { ...gpt2, activation_function: 'gelu' }, gpt2Shapes],
  ['opt', opt, optShapes],
  ['opt, norm after', { ...opt, do_layer_norm_before: false }, optShapes],
]
const tokens = [3, 0, 10, 7, 7, 1, 4]

describe('float models', () => {
  for (const [name, json, shapes] of variants) {
    it(`${name}: agrees with the naive oracle`, async () => {
      const config = parseConfig(json)
      const weights = weightsOf(shapes)
      const got = await floatLogits(config, weights, tokens)
      const want = naiveLogits(config, weights, tokens)
      expect(got.length).toBe(want.length)
      for (const [i, v] of want.entries()) expect(got[i]).toBeCloseTo(v, 4)
    })
  }
  it('reads a base checkpoint, whose names lack the stem', async () => {
    const config = parseConfig(gpt2)
    const weights = weightsOf(gpt2Shapes)
    const bare = new Map([...weights].map(([n, t]) => [n.replace('transformer.', ''), t]))
    expect(await floatLogits(config, bare, tokens)).toEqual(await floatLogits(config, weights, tokens))
  })
  it('names what does not fit', async () => {
    const config = parseConfig(gpt2)
    const weights = weightsOf(gpt2Shapes)
    await expect(floatLogits(config, weights, [11])).rejects.toThrow(/ids in 0..10/)
    await expect(floatLogits(config, weights, new Array(41).fill(0))).rejects.toThrow(/1..40 tokens/)
    weights.delete('transformer.h.1.ln_2.bias')
    await expect(floatLogits(config, weights, [1])).rejects.toThrow(
      /h.1.ln_2.bias: expected shape \[8\], got nothing/,
    )
  })
})

describe('generate', () => {
  const config = { ...parseConfig(gpt2), eosToken: [] }
  const weights = weightsOf(gpt2Shapes)
  it('takes the likeliest token each time, beyond the context too', async () => {
    const model = new FloatModel(config, weights)
    const out = await generate(model, tokens, 45)
    await model.release()
    expect(out.length).toBe(45)
    const context = [...tokens, ...out.slice(0, 5)]
    const last = naiveLogits(config, weights, context).slice(-11)
    expect(out[5]).toBe(last.indexOf(Math.max(...last)))
  })
  it('draws the same from the same seed and stops at an end token', async () => {
    const model = new FloatModel(config, weights)
    const draw = () => generate(model, tokens, 8, { temperature: 1, topP: 0.9, random: seeded(1) })
    const first = await draw()
    expect(await draw()).toEqual(first)
    const ending = new FloatModel({ ...config, eosToken: [first[3]!] }, weights)
    const cut = await generate(ending, tokens, 8, { temperature: 1, topP: 0.9, random: seeded(1) })
    expect(cut).toEqual(first.slice(0, first.indexOf(first[3]!)))
    await model.release()
    await ending.release()
  })
})

describe('rotary frequencies', () => {
  const plain = { headDim: 4, ropeTheta: 10000 }
  it('fall geometrically', () => {
    expect(ropeFrequencies({ ...plain, ropeScaling: { type: 'none' } })).toEqual([1, 0.01])
  })
  it('are divided by a linear factor', () => {
    expect(ropeFrequencies({ ...plain, ropeScaling: { type: 'linear', factor: 4 } })).toEqual([0.25, 0.0025])
  })
  it('of Llama 3 keep short waves, slow long ones, blend between', () => {
    const llama3 = { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4 } as const
    const of = (originalMaxPositions: number) =>
      ropeFrequencies({ ...plain, ropeScaling: { ...llama3, originalMaxPositions } })
    // 1000 positions: 159 turns of plane 0 (kept), 1.592 of plane 1: blend (1.592 - 1) / 3 = 0.19718
    const [short, blended] = of(1000)
    expect(short).toBe(1)
    expect(blended).toBeCloseTo(0.01 * (0.19718 + 0.80282 / 8), 7)
    // 500 positions: 0.8 turns of plane 1
    expect(of(500)[1]).toBeCloseTo(0.01 / 8, 10)
  })
})
