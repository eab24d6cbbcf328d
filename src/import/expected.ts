import type { Family, ModelConfig } from './config.ts'

/** Tensor names without their prefix, with shapes. */
export type ExpectedTensors = Map<string, number[]>

/**
 * The tensors that a model of this configuration has, by canonical name: the name in the Hugging Face state dict
 * without the wrapper's prefix (`model.`, `transformer.`, `model.decoder.`). `lm_head.weight` is among them only if
 * the head is not tied.
 *
 * A linear layer's weight is [out, in], but for gpt2's, which its Conv1D stores as [in, out].
 */
export function expectedTensors(config: ModelConfig): ExpectedTensors {
  const tensors = EXPECTED[config.family](config)
  if (!config.tiedHead) tensors.set('lm_head.weight', [config.vocabSize, config.hiddenSize])
  return tensors
}

/** The canonical name of the token embedding, which a tied head shares. */
export const EMBEDDING: { readonly [F in Family]: string } = {
  llama: 'embed_tokens.weight',
  gpt2: 'wte.weight',
  opt: 'embed_tokens.weight',
}

const EXPECTED: { readonly [F in Family]: (config: ModelConfig) => ExpectedTensors } = { llama, gpt2, opt }

function llama(config: ModelConfig): ExpectedTensors {
  const { vocabSize, hiddenSize: hidden, layers, heads, kvHeads, headDim, ffSize } = config
  const tensors: ExpectedTensors = new Map([
    ['embed_tokens.weight', [vocabSize, hidden]],
    ['norm.weight', [hidden]],
  ])
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`
    tensors.set(`${at}.input_layernorm.weight`, [hidden])
    tensors.set(`${at}.post_attention_layernorm.weight`, [hidden])
    linear(tensors, `${at}.self_attn.q_proj`, [heads * headDim, hidden], config.attentionBias)
    linear(tensors, `${at}.self_attn.k_proj`, [kvHeads * headDim, hidden], config.attentionBias)
    linear(tensors, `${at}.self_attn.v_proj`, [kvHeads * headDim, hidden], config.attentionBias)
    linear(tensors, `${at}.self_attn.o_proj`, [hidden, heads * headDim], config.attentionBias)
    linear(tensors, `${at}.mlp.gate_proj`, [ffSize, hidden], config.mlpBias)
    linear(tensors, `${at}.mlp.up_proj`, [ffSize, hidden], config.mlpBias)
    linear(tensors, `${at}.mlp.down_proj`, [hidden, ffSize], config.mlpBias)
  }
  return tensors
}

function gpt2({ vocabSize, hiddenSize: hidden, layers, ffSize, maxPositions }: ModelConfig): ExpectedTensors {
  const tensors: ExpectedTensors = new Map([
    ['wte.weight', [vocabSize, hidden]],
    ['wpe.weight', [maxPositions, hidden]],
  ])
  norm(tensors, 'ln_f', hidden)
  for (let layer = 0; layer < layers; layer++) {
    const at = `h.${layer}`
    norm(tensors, `${at}.ln_1`, hidden)
    norm(tensors, `${at}.ln_2`, hidden)
    conv1d(tensors, `${at}.attn.c_attn`, [hidden, 3 * hidden])
    conv1d(tensors, `${at}.attn.c_proj`, [hidden, hidden])
    conv1d(tensors, `${at}.mlp.c_fc`, [hidden, ffSize])
    conv1d(tensors, `${at}.mlp.c_proj`, [ffSize, hidden])
  }
  return tensors
}

function opt(config: ModelConfig): ExpectedTensors {
  const { vocabSize, hiddenSize: hidden, layers, ffSize, maxPositions } = config
  const tensors: ExpectedTensors = new Map([
    ['embed_tokens.weight', [vocabSize, hidden]],
    // Row p + 2 serves position p.
    ['embed_positions.weight', [maxPositions + 2, hidden]],
  ])
  if (config.doLayerNormBefore) norm(tensors, 'final_layer_norm', hidden)
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`
    norm(tensors, `${at}.self_attn_layer_norm`, hidden)
    norm(tensors, `${at}.final_layer_norm`, hidden)
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
      linear(tensors, `${at}.self_attn.${name}`, [hidden, hidden], true)
    linear(tensors, `${at}.fc1`, [ffSize, hidden], true)
    linear(tensors, `${at}.fc2`, [hidden, ffSize], true)
  }
  return tensors
}

/** The number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function linear(tensors: ExpectedTensors, name: string, [out, input]: [number, number], bias: boolean): void {
  tensors.set(`${name}.weight`, [out, input])
  if (bias) tensors.set(`${name}.bias`, [out])
}

function conv1d(tensors: ExpectedTensors, name: string, [input, out]: [number, number]): void {
  tensors.set(`${name}.weight`, [input, out])
  tensors.set(`${name}.bias`, [out])
}

function norm(tensors: ExpectedTensors, name: string, size: number): void {
  tensors.set(`${name}.weight`, [size])
  tensors.set(`${name}.bias`, [size])
}
