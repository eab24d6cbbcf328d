import { Fields } from './fields.ts'
import { isObject, readObject } from './json.ts'
import { InputError } from '../errors.ts'
import { FORBIDDEN, IRRELEVANT, words } from './config-fields.ts'

export type Family = 'llama' | 'gpt2' | 'opt'
/** `gelu` is x Phi(x) by erf, `gelu_new` its tanh approximation. */
export type Activation = 'silu' | 'gelu' | 'gelu_new' | 'relu'

/** How rotary frequencies are stretched beyond the context of the original training. */
export type RopeScaling =
  | { type: 'none' }
  | { type: 'linear'; factor: number }
  | {
      type: 'llama3'
      factor: number
      lowFreqFactor: number
      highFreqFactor: number
      originalMaxPositions: number
    }

/** A decoder-only language model, as far as its computation goes. */
export interface ModelConfig {
  family: Family
  vocabSize: number
  hiddenSize: number
  layers: number
  heads: number
  /** Divides `heads`: each key/value head serves heads / kvHeads query heads. */
  kvHeads: number
  headDim: number
  ffSize: number
  /** The longest sequence. OPT's position table has two rows more. */
  maxPositions: number
  /** Epsilon of RMSNorm (llama) or LayerNorm (gpt2, opt). */
  normEps: number
  /** True if the output head is the token embedding. */
  tiedHead: boolean
  activation: Activation
  /** Base of the rotary frequencies; 0 for the families with learned positions. */
  ropeTheta: number
  ropeScaling: RopeScaling
  /** False only for the OPT variant that normalises after each residual sum and has no final norm. */
  doLayerNormBefore: boolean
  attentionBias: boolean
  mlpBias: boolean
  bosToken: number | null
  /** Every token that ends a generation; empty if none is named. */
  eosToken: number[]
}

/** Far above any model; a file with more would fill memory with the names of its tensors. */
const MAX_LAYERS = 4096

const ACTIVATIONS: { readonly [name: string]: Activation } = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
  relu: 'relu',
}

/**
 * Reads a parsed config.json of the Hugging Face format.
 * @throws InputError naming the first field that is missing, malformed, unknown, or asks for a computation that
 *   Proofmark does not prove
 */
export function parseConfig(json: unknown): ModelConfig {
  if (!isObject(json)) throw new InputError('config.json', 'a JSON object', typeof json)
  const fields = new Fields(json, 'config.json')
  const family = fields.choice<Family>('model_type', { llama: 'llama', gpt2: 'gpt2', opt: 'opt' })
  const config = READERS[family](fields)
  fields.only(FORBIDDEN)
  fields.ignore(IRRELEVANT)
  fields.finish()
  checkShapes(fields, config)
  return config
}

/** @throws InputError if `path` is not a supported config.json; the file system's error if it cannot be read */
export function readConfig(path: string): ModelConfig {
  return parseConfig(readObject(path, 1 << 20))
}

const READERS: { readonly [F in Family]: (fields: Fields) => ModelConfig } = { llama, gpt2, opt }

function llama(fields: Fields): ModelConfig {
  fields.only({
    architectures: ['LlamaForCausalLM'],
    pretraining_tp: 1,
    sliding_window: null,
    partial_rotary_factor: 1,
    clip_qkv: null,
    logits_scaling: 1,
  })
  fields.ignore(['attention_dropout', 'max_sequence_length', 'rope_interleaved'])
  const hiddenSize = fields.size('hidden_size')
  const heads = fields.size('num_attention_heads')
  return {
    family: 'llama',
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    layers: fields.size('num_hidden_layers', undefined, MAX_LAYERS),
    heads,
    kvHeads: fields.size('num_key_value_heads', heads),
    headDim: fields.size('head_dim', hiddenSize / heads),
    ffSize: fields.size('intermediate_size'),
    maxPositions: fields.size('max_position_embeddings', 2048),
    normEps: fields.positive('rms_norm_eps', 1e-6),
    tiedHead: fields.flag('tie_word_embeddings', false),
    activation: fields.choice('hidden_act', ACTIVATIONS, 'silu'),
    ...rope(fields),
    doLayerNormBefore: true,
    attentionBias: fields.flag('attention_bias', false),
    mlpBias: fields.flag('mlp_bias', false),
    ...specialTokens(fields),
  }
}

function gpt2(fields: Fields): ModelConfig {
  fields.only({
    architectures: ['GPT2LMHeadModel'],
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    n_special: 0,
  })
  fields.ignore(
    words(`attn_pdrop embd_pdrop resid_pdrop n_ctx predict_special_tokens reorder_and_upcast_attn summary_activation
      summary_first_dropout summary_proj_to_labels summary_type summary_use_proj`),
  )
  const hiddenSize = fields.size('n_embd')
  const heads = fields.size('n_head')
  return {
    family: 'gpt2',
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    layers: fields.size('n_layer', undefined, MAX_LAYERS),
    heads,
    kvHeads: heads,
    headDim: hiddenSize / heads,
    ffSize: fields.size('n_inner', 4 * hiddenSize),
    maxPositions: fields.size('n_positions', 1024),
    normEps: fields.positive('layer_norm_epsilon', 1e-5),
    tiedHead: fields.flag('tie_word_embeddings', true),
    activation: fields.choice('activation_function', ACTIVATIONS, 'gelu_new'),
    ...LEARNED_POSITIONS,
    doLayerNormBefore: true,
    attentionBias: true,
    mlpBias: true,
    ...specialTokens(fields),
  }
}

function opt(fields: Fields): ModelConfig {
  const hiddenSize = fields.size('hidden_size')
  const heads = fields.size('num_attention_heads')
  fields.only({
    architectures: ['OPTForCausalLM'],
    word_embed_proj_dim: hiddenSize,
    _remove_final_layer_norm: false,
    enable_bias: true,
    layer_norm_elementwise_affine: true,
  })
  fields.ignore(['activation_dropout', 'attention_dropout', 'dropout', 'init_std', 'layerdrop'])
  return {
    family: 'opt',
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    layers: fields.size('num_hidden_layers', undefined, MAX_LAYERS),
    heads,
    kvHeads: heads,
    headDim: hiddenSize / heads,
    ffSize: fields.size('ffn_dim'),
    maxPositions: fields.size('max_position_embeddings', 2048),
    // Not in the file: the model class leaves torch's default of LayerNorm.
    normEps: 1e-5,
    tiedHead: fields.flag('tie_word_embeddings', true),
    activation: fields.choice('activation_function', ACTIVATIONS, 'relu'),
    ...LEARNED_POSITIONS,
    doLayerNormBefore: fields.flag('do_layer_norm_before', true),
    attentionBias: true,
    mlpBias: true,
    ...specialTokens(fields),
  }
}

const LEARNED_POSITIONS = { ropeTheta: 0, ropeScaling: { type: 'none' } } as const

function specialTokens(fields: Fields): Pick<ModelConfig, 'bosToken' | 'eosToken'> {
  const bos = fields.tokens('bos_token_id')
  if (bos.length > 1) throw fields.error('bos_token_id', 'one token id', bos)
  return { bosToken: bos[0] ?? null, eosToken: fields.tokens('eos_token_id') }
}

/** `rope_theta` and `rope_scaling`, or the `rope_parameters` that newer files hold in their place. */
function rope(fields: Fields): Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> {
  const old = fields.nested('rope_scaling')
  const parameters = fields.nested('rope_parameters')
  if (old && parameters) throw fields.error('rope_scaling', 'nothing beside rope_parameters', {})
  const theta = fields.positive('rope_theta', 10000)
  const ropeTheta = parameters ? parameters.positive('rope_theta', theta) : theta
  const source = parameters ?? old
  return { ropeTheta, ropeScaling: source ? scaling(source) : { type: 'none' } }
}

function scaling(fields: Fields): RopeScaling {
  const types = { default: 'none', linear: 'linear', llama3: 'llama3' } as const
  const legacy = fields.raw('type')
  const name = fields.raw('rope_type') ?? legacy
  if (name === undefined) throw fields.error('rope_type', `one of ${Object.keys(types).join(', ')}`, name)
  if (legacy !== undefined && legacy !== name) throw fields.error('type', `"${name}" as in rope_type`, legacy)
  const type = fields.choice(fields.raw('rope_type') === undefined ? 'type' : 'rope_type', types)
  fields.only({ partial_rotary_factor: 1 })
  const result = readScaling(fields, type)
  fields.finish()
  return result
}

function readScaling(fields: Fields, type: RopeScaling['type']): RopeScaling {
  if (type === 'none') return { type }
  const factor = fields.positive('factor')
  if (type === 'linear') return { type, factor }
  const lowFreqFactor = fields.positive('low_freq_factor')
  const highFreqFactor = fields.positive('high_freq_factor')
  if (highFreqFactor <= lowFreqFactor)
    throw fields.error('high_freq_factor', `more than low_freq_factor (${lowFreqFactor})`, highFreqFactor)
  const originalMaxPositions = fields.size('original_max_position_embeddings')
  return { type, factor, lowFreqFactor, highFreqFactor, originalMaxPositions }
}

function checkShapes(fields: Fields, config: ModelConfig): void {
  const { family, heads, kvHeads, headDim, hiddenSize, vocabSize } = config
  if (!Number.isInteger(headDim))
    throw fields.error(
      family === 'gpt2' ? 'n_head' : 'num_attention_heads',
      `a divisor of ${hiddenSize}`,
      heads,
    )
  if (heads % kvHeads !== 0) throw fields.error('num_key_value_heads', `a divisor of ${heads}`, kvHeads)
  if (family === 'llama' && headDim % 2 !== 0) throw fields.error('head_dim', 'an even number', headDim)
  for (const token of [config.bosToken ?? 0, ...config.eosToken])
    if (token >= vocabSize) throw fields.error('vocab_size', `more than the token id ${token}`, vocabSize)
}
