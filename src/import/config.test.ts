import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { parseConfig } from './config.ts'

function fixture(name: string): { [key: string]: unknown } {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'))
}

describe('parseConfig on the files of published models', () => {
  it('LLaMA-2 7B', () => {
    expect(parseConfig(fixture('llama-2-7b'))).toEqual({
      family: 'llama',
      vocabSize: 32000,
      hiddenSize: 4096,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      headDim: 128,
      ffSize: 11008,
      maxPositions: 4096,
      normEps: 1e-5,
      tiedHead: false,
      activation: 'silu',
      ropeTheta: 10000,
      ropeScaling: { type: 'none' },
      doLayerNormBefore: true,
      attentionBias: false,
      mlpBias: false,
      bosToken: 1,
      eosToken: [2],
    })
  })

  it('LLaMA-3 8B, 3.1 8B Instruct, 3.2 1B', () => {
    expect(parseConfig(fixture('llama-3-8b'))).toMatchObject({
      kvHeads: 8,
      ropeTheta: 500000,
      vocabSize: 128256,
    })
    const instruct = parseConfig(fixture('llama-3.1-8b-instruct'))
    expect(instruct.eosToken).toEqual([128001, 128008, 128009])
    expect(instruct.ropeScaling).toEqual({
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 8192,
    })
    expect(parseConfig(fixture('llama-3.2-1b'))).toMatchObject({ headDim: 64, tiedHead: true, layers: 16 })
  })

  it('TinyLlama', () => {
    const config = parseConfig(fixture('tinyllama-1.1b-chat'))
    expect(config).toMatchObject({ layers: 22, kvHeads: 4, headDim: 64, ffSize: 5632 })
  })

  it('GPT-2 small and medium', () => {
    expect(parseConfig(fixture('gpt2'))).toMatchObject({
      family: 'gpt2',
      hiddenSize: 768,
      ffSize: 3072,
      headDim: 64,
      tiedHead: true,
      activation: 'gelu_new',
      maxPositions: 1024,
      bosToken: 50256,
      eosToken: [50256],
    })
    expect(parseConfig(fixture('gpt2-medium'))).toMatchObject({ layers: 24, heads: 16, ffSize: 4096 })
  })

  it('OPT 125M', () => {
    expect(parseConfig(fixture('opt-125m'))).toMatchObject({
      family: 'opt',
      ffSize: 3072,
      activation: 'relu',
      normEps: 1e-5,
      doLayerNormBefore: true,
      maxPositions: 2048,
    })
  })

  it('reads rope_parameters and the older "type"', () => {
    const { rope_theta: _, rope_scaling: __, ...rest } = fixture('llama-3-8b')
    const rope_parameters = { rope_theta: 500000, rope_type: 'default' }
    expect(parseConfig({ ...rest, rope_parameters })).toMatchObject({
      ropeTheta: 500000,
      ropeScaling: { type: 'none' },
    })
    expect(parseConfig({ ...rest, rope_scaling: { type: 'linear', factor: 2 } }).ropeScaling).toEqual({
      type: 'linear',
      factor: 2,
    })
  })
})

const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }

describe('parseConfig refuses, naming the field', () => {
  const cases: [base: string, change: { [key: string]: unknown }, field: string][] = [
    ['llama-2-7b', { invented_field: 1 }, 'invented_field'],
    ['llama-2-7b', { invented_field: null }, 'invented_field'],
    ['llama-2-7b', { model_type: 'bert' }, 'model_type'],
    ['llama-2-7b', { model_type: undefined }, 'model_type'],
    ['llama-2-7b', { architectures: ['LlamaForSequenceClassification'] }, 'architectures'],
    ['llama-2-7b', { hidden_act: 'gelu_fast' }, 'hidden_act'],
    ['llama-2-7b', { hidden_act: 'toString' }, 'hidden_act'],
    ['llama-2-7b', { sliding_window: 4096 }, 'sliding_window'],
    ['llama-2-7b', { quantization_config: { bits: 4 } }, 'quantization_config'],
    ['llama-2-7b', { pretraining_tp: 2 }, 'pretraining_tp'],
    ['llama-2-7b', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    ['llama-2-7b', { rope_scaling: { type: 'yarn', factor: 2 } }, 'type'],
    ['llama-2-7b', { rope_scaling: { rope_type: 'dynamic', factor: 2 } }, 'rope_type'],
    ['llama-2-7b', { rope_scaling: { rope_type: 'linear', type: 'llama3', factor: 2 } }, 'type'],
    ['llama-2-7b', { rope_scaling: { factor: 2 } }, 'rope_type'],
    ['llama-2-7b', { rope_scaling: { type: 'linear' } }, 'factor'],
    ['llama-2-7b', { rope_scaling: { type: 'linear', factor: 2, attention_factor: 1 } }, 'attention_factor'],
    ['llama-2-7b', { rope_scaling: llama3 }, 'original_max_position_embeddings'],
    ['llama-2-7b', { rope_scaling: { ...llama3, high_freq_factor: 1 } }, 'high_freq_factor'],
    ['llama-2-7b', { rope_scaling: 'linear' }, 'rope_scaling'],
    ['llama-2-7b', { rope_scaling: {}, rope_parameters: {} }, 'rope_scaling'],
    ['llama-2-7b', { rope_theta: 0 }, 'rope_theta'],
    ['llama-2-7b', { rms_norm_eps: '1e-5' }, 'rms_norm_eps'],
    ['llama-2-7b', { hidden_size: 4096.5 }, 'hidden_size'],
    ['llama-2-7b', { hidden_size: 2 ** 25 }, 'hidden_size'],
    ['llama-2-7b', { hidden_size: undefined }, 'hidden_size'],
    ['llama-2-7b', { num_hidden_layers: 0 }, 'num_hidden_layers'],
    ['gpt2', { n_layer: 4097 }, 'n_layer'],
    ['llama-2-7b', { num_attention_heads: 33 }, 'head_dim'],
    ['llama-2-7b', { num_key_value_heads: 5 }, 'num_key_value_heads'],
    ['llama-2-7b', { head_dim: 63 }, 'head_dim'],
    ['llama-2-7b', { tie_word_embeddings: 'no' }, 'tie_word_embeddings'],
    ['llama-2-7b', { eos_token_id: [2, 40000] }, 'vocab_size'],
    ['llama-2-7b', { eos_token_id: -1 }, 'eos_token_id'],
    ['llama-2-7b', { bos_token_id: [1, 2] }, 'bos_token_id'],
    ['llama-2-7b', { repetition_penalty: 1.2 }, 'repetition_penalty'],
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx'],
    ['gpt2', { scale_attn_weights: false }, 'scale_attn_weights'],
    ['gpt2', { add_cross_attention: true }, 'add_cross_attention'],
    ['gpt2', { activation_function: 'tanh' }, 'activation_function'],
    ['gpt2', { n_head: 11 }, 'n_head'],
    ['gpt2', { n_special: 3 }, 'n_special'],
    ['gpt2', { rope_theta: 10000 }, 'rope_theta'],
    ['opt-125m', { word_embed_proj_dim: 512 }, 'word_embed_proj_dim'],
    ['opt-125m', { _remove_final_layer_norm: true }, '_remove_final_layer_norm'],
    ['opt-125m', { enable_bias: false }, 'enable_bias'],
    ['opt-125m', { layer_norm_elementwise_affine: false }, 'layer_norm_elementwise_affine'],
  ]
  it.each(cases)('%s with %j', (base, change, field) => {
    const json = JSON.parse(JSON.stringify({ ...fixture(base), ...change }))
    const error = caught(() => parseConfig(json))
    expect(error).toBeInstanceOf(InputError)
    expect((error as InputError).argument).toMatch(new RegExp(`: ${field}$`))
  })

  it('and nothing but that, whatever value a field has', () => {
    const names = ['llama-3.1-8b-instruct', 'gpt2', 'opt-125m']
      .map(fixture)
      .flatMap(json => Object.keys(json).map(name => ({ json, name })))
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.jsonValue(), ({ json, name }, value) => {
        const error = caught(() => parseConfig({ ...json, [name]: value }))
        return error === undefined || error instanceof InputError
      }),
      { numRuns: 2000, seed: 1 },
    )
  })

  it('what is not an object', () => {
    for (const value of [null, [], 'x', 3]) expect(() => parseConfig(value)).toThrow(InputError)
  })
})

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
