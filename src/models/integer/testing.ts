/** Random small checkpoints of every family, for tests only. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ModelConfig, parseConfig } from '../../import/config.ts'
import { expectedTensors } from '../../import/expected.ts'
import { writeSafetensors } from '../../import/safetensors-write.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { normal, type Random, seeded } from '../../nn/random.ts'

const llama = {
  model_type: 'llama',
  vocab_size: 61,
  hidden_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  intermediate_size: 40,
  max_position_embeddings: 24,
  hidden_act: 'silu',
}

/** Sizes that are no powers of two, and every option that changes the computation. */
export const CONFIGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'llama, grouped queries, untied, biases, llama3 scaling': {
    ...llama,
    attention_bias: true,
    mlp_bias: true,
    rope_scaling: {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 12,
    },
  },
  'llama, 3 heads of another width, tied, gelu': {
    ...llama,
    num_attention_heads: 3,
    num_key_value_heads: 3,
    head_dim: 10,
    tie_word_embeddings: true,
    hidden_act: 'gelu',
    rope_scaling: { rope_type: 'linear', factor: 2 },
  },
  gpt2: {
    model_type: 'gpt2',
    vocab_size: 61,
    n_embd: 48,
    n_layer: 2,
    n_head: 3,
    n_positions: 24,
    n_inner: 40,
  },
  opt: {
    model_type: 'opt',
    vocab_size: 61,
    hidden_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    ffn_dim: 40,
    max_position_embeddings: 24,
    word_embed_proj_dim: 48,
  },
}

/** Entries near 1 for gains, small for biases; others of a variance that keeps activations of order 1. */
const draw = (name: string, shape: readonly number[], random: Random): FloatTensor => {
  const size = shape.reduce((p, s) => p * s, 1)
  const gain = shape.length === 1 && name.endsWith('weight')
  const spread = shape.length === 1 ? 0.1 : /embed|wte|wpe/.test(name) ? 0.7 : 1 / Math.sqrt(48)
  return {
    shape: [...shape],
    data: Float32Array.from({ length: size }, () => (gain ? 1 : 0) + spread * normal(random)),
  }
}

export interface RandomCheckpoint {
  readonly dir: string
  readonly config: ModelConfig
  /** By canonical name. */
  readonly tensors: ReadonlyMap<string, FloatTensor>
  remove(): void
}

/** A model directory with random weights. The caller removes it. */
export const randomCheckpoint = (json: Readonly<Record<string, unknown>>, seed: number): RandomCheckpoint => {
  const dir = mkdtempSync(join(tmpdir(), 'proofmark-test-'))
  const config = parseConfig(json)
  const random = seeded(seed)
  const tensors = new Map(
    [...expectedTensors(config)].map(([name, shape]) => [name, draw(name, shape, random)] as const),
  )
  writeFileSync(join(dir, 'config.json'), JSON.stringify(json))
  writeFileSync(join(dir, 'model.safetensors'), writeSafetensors(tensors))
  return { dir, config, tensors, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

export const randomTokens = (config: ModelConfig, length: number, seed: number): number[] => {
  const random = seeded(seed)
  return Array.from({ length }, () => Math.floor(random() * config.vocabSize))
}
