/** Writes a model directory in the Hugging Face layout, with the record of its training. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelConfig } from '../../import/config.ts'
import { writeSafetensors } from '../../import/safetensors-write.ts'
import { type Bpe, tokenizerFiles } from './bpe.ts'
import { type Progress, type TrainState, writeAtomic } from './checkpoint.ts'
import { lossCurve } from './plot.ts'

/** The `config.json` of a LLaMA model with a tied head. */
export function configJson(config: ModelConfig): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: config.activation,
    hidden_size: config.hiddenSize,
    intermediate_size: config.ffSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    rms_norm_eps: config.normEps,
    rope_theta: config.ropeTheta,
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxPositions,
    tie_word_embeddings: true,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: config.bosToken,
    eos_token_id: config.eosToken[0],
    torch_dtype: 'bfloat16',
  }
}

const logLine = (p: Progress) =>
  `${p.step}\t${p.trainLoss.toFixed(4)}\t${p.valLoss.toFixed(4)}\t${p.seconds.toFixed(0)}`

/** Configuration and tokenizer: what does not change while training. */
export function publishTokenizer(out: string, config: ModelConfig, bpe: Bpe): void {
  const json = (value: object) => `${JSON.stringify(value, null, 1)}\n`
  const { tokenizer, config: tokenizerConfig } = tokenizerFiles(bpe, config.maxPositions)
  mkdirSync(out, { recursive: true })
  writeAtomic(join(out, 'config.json'), json(configJson(config)))
  writeAtomic(join(out, 'tokenizer.json'), json(tokenizer))
  writeAtomic(join(out, 'tokenizer_config.json'), json(tokenizerConfig))
}

/** The best weights so far, rounded to bfloat16, and the log. */
export function publishWeights(out: string, state: TrainState): void {
  const log = ['step\ttrain loss\tval loss\tseconds', ...state.history.map(logLine)]
  writeAtomic(join(out, 'model.safetensors'), writeSafetensors(state.best, 'BF16', { format: 'pt' }))
  writeAtomic(join(out, 'training.log'), `${log.join('\n')}\n`)
  writeAtomic(join(out, 'loss-curve.svg'), lossCurve(state.history))
}
