import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { loadCheckpoint } from './checkpoint.ts'
import { parseConfig } from './config.ts'
import { expectedTensors } from './expected.ts'
import { type TestTensor, temporaryDirectory, writeTensors } from './fixtures/files.ts'

const CONFIGS = {
  llama: {
    model_type: 'llama',
    vocab_size: 11,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
  },
  gpt2: { model_type: 'gpt2', vocab_size: 11, n_embd: 8, n_layer: 2, n_head: 2, n_positions: 6 },
  opt: {
    model_type: 'opt',
    vocab_size: 11,
    hidden_size: 8,
    ffn_dim: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    max_position_embeddings: 6,
    word_embed_proj_dim: 8,
  },
}
type Name = keyof typeof CONFIGS

const root = temporaryDirectory()
let count = 0

/** Writes a model; `edit` changes the tensors that its configuration asks for. */
function model(
  family: Name,
  prefix: string,
  edit: (tensors: TestTensor[]) => TestTensor[] = tensors => tensors,
  change: { [field: string]: unknown } = {},
): string {
  const dir = join(root, `model${count++}`)
  mkdirSync(dir)
  const json = { ...CONFIGS[family], ...change }
  writeFileSync(join(dir, 'config.json'), JSON.stringify(json))
  const tensors = [...expectedTensors(parseConfig(json))].map(([name, shape]) => ({
    name: name === 'lm_head.weight' ? name : prefix + name,
    shape,
  }))
  writeTensors(join(dir, 'model.safetensors'), edit(tensors))
  return dir
}

const tied = { tie_word_embeddings: true }
const extra = (name: string, shape: number[], fill?: (i: number) => number) => (tensors: TestTensor[]) => [
  ...tensors,
  { name, shape, fill },
]

describe('loadCheckpoint', () => {
  it.each<[Name, string]>([
    ['llama', 'model.'],
    ['llama', ''],
    ['gpt2', 'transformer.'],
    ['gpt2', ''],
    ['opt', 'model.decoder.'],
    ['opt', 'decoder.'],
    ['opt', ''],
  ])('%s with the prefix "%s"', (family, prefix) => {
    const checkpoint = loadCheckpoint(model(family, prefix))
    expect(checkpoint.config.family).toBe(family)
    const embedding = family === 'gpt2' ? 'wte.weight' : 'embed_tokens.weight'
    expect(checkpoint.shape(embedding)).toEqual([11, 8])
    expect(checkpoint.read(embedding).data[3]).toBe(3)
    expect(checkpoint.readRange(embedding, 8, 2)).toEqual(Float32Array.of(1, 2))
    expect(checkpoint.names().includes('lm_head.weight')).toBe(family === 'llama')
    expect(() => checkpoint.read('no.such')).toThrow(InputError)
    checkpoint.close()
  })

  it('counts the published parameters', () => {
    const size = (json: object) =>
      [...expectedTensors(parseConfig(json)).values()].reduce(
        (sum, shape) => sum + shape.reduce((a, b) => a * b, 1),
        0,
      )
    expect(size({ model_type: 'gpt2', vocab_size: 50257, n_embd: 768, n_layer: 12, n_head: 12 })).toBe(
      124439808,
    )
    const opt = { hidden_size: 768, ffn_dim: 3072, num_hidden_layers: 12, num_attention_heads: 12 }
    expect(size({ model_type: 'opt', vocab_size: 50272, ...opt })).toBe(125239296)
    const llama = {
      hidden_size: 4096,
      intermediate_size: 11008,
      num_hidden_layers: 32,
      num_attention_heads: 32,
    }
    expect(size({ model_type: 'llama', vocab_size: 32000, ...llama })).toBe(6738415616)
  })

  it('accepts buffers that say nothing', () => {
    loadCheckpoint(
      model('llama', 'model.', extra('model.layers.0.self_attn.rotary_emb.inv_freq', [1])),
    ).close()
    loadCheckpoint(model('gpt2', '', extra('h.0.attn.bias', [1, 1, 6, 6]))).close()
    loadCheckpoint(model('gpt2', 'transformer.', extra('transformer.h.1.attn.masked_bias', []))).close()
    loadCheckpoint(model('opt', 'model.decoder.', extra('model.decoder.version', [1]))).close()
  })

  it('accepts the stored copy of a tied head only if it is one', () => {
    loadCheckpoint(model('llama', 'model.', extra('lm_head.weight', [11, 8]), tied)).close()
    const other = model(
      'llama',
      'model.',
      extra('lm_head.weight', [11, 8], i => (i === 87 ? 9 : i % 7)),
      tied,
    )
    expect(() => loadCheckpoint(other)).toThrow(/tie_word_embeddings says, got another value at element 87/)
    expect(() => loadCheckpoint(model('gpt2', '', extra('lm_head.weight', [8, 11])))).toThrow(
      /shape \[11,8\]/,
    )
  })

  it('knows the tensors of every variant', () => {
    const biased = expectedTensors(parseConfig({ ...CONFIGS.llama, attention_bias: true, mlp_bias: true }))
    expect(biased.get('layers.1.self_attn.k_proj.bias')).toEqual([4])
    expect(biased.get('layers.0.mlp.down_proj.bias')).toEqual([8])
    const post = expectedTensors(parseConfig({ ...CONFIGS.opt, do_layer_norm_before: false }))
    expect(post.has('final_layer_norm.weight')).toBe(false)
    expect(post.get('embed_positions.weight')).toEqual([8, 8])
  })

  const drop = (name: string) => (tensors: TestTensor[]) => tensors.filter(tensor => tensor.name !== name)
  const reshape = (name: string, shape: number[]) => (tensors: TestTensor[]) =>
    tensors.map(tensor => (tensor.name === name ? { name, shape } : tensor))
  it.each<[string, () => string, RegExp]>([
    [
      'a missing tensor',
      () => model('llama', 'model.', drop('model.norm.weight')),
      /norm.weight: expected a tensor \[8\]/,
    ],
    ['a missing head', () => model('llama', 'model.', drop('lm_head.weight')), /lm_head.weight/],
    ['a wrong shape', () => model('gpt2', '', reshape('wpe.weight', [5, 8])), /shape \[6,8\], got \[5,8\]/],
    [
      'a transposed weight',
      () => model('opt', '', reshape('layers.0.fc1.weight', [8, 16])),
      /shape \[16,8\]/,
    ],
    [
      'an unexpected tensor',
      () => model('llama', 'model.', extra('model.layers.2.norm', [8])),
      /an unexpected one/,
    ],
    [
      'a bias not configured',
      () => model('llama', '', extra('layers.0.mlp.up_proj.bias', [12])),
      /unexpected/,
    ],
    [
      'two prefixes at once',
      () => model('gpt2', '', extra('transformer.wte.weight', [11, 8])),
      /one tensor of a name/,
    ],
  ])('refuses %s', (_, dir, message) => {
    const path = dir()
    expect(() => loadCheckpoint(path)).toThrow(InputError)
    expect(() => loadCheckpoint(path)).toThrow(message)
  })

  it('reports a directory without config.json', () => {
    expect(() => loadCheckpoint(join(root, 'nowhere'))).toThrow(/ENOENT/)
  })
})
