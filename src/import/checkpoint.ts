import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { type Family, type ModelConfig, readConfig } from './config.ts'
import { EMBEDDING, elements, expectedTensors } from './expected.ts'
import { openWeights, type WeightStore } from './safetensors.ts'
import type { FloatTensor } from './tensor.ts'

/** A model on disk whose tensors are exactly those that its configuration asks for. Names are canonical. */
export interface Checkpoint {
  readonly dir: string
  readonly config: ModelConfig
  /** Every tensor's canonical name, in the model's order. */
  names(): string[]
  /** @throws InputError if the model has no such tensor */
  shape(name: string): number[]
  /** @throws InputError if the model has no such tensor, or on NaN or infinite weights */
  read(name: string): FloatTensor
  /** Elements start .. start + count - 1, row-major. */
  readRange(name: string, start: number, count: number): Float32Array
  /** The number of weights, all tensors together. */
  readonly parameters: number
  close(): void
}

/** What wrappers put before the names; the empty one is a bare model. */
const PREFIXES: { readonly [F in Family]: readonly string[] } = {
  llama: ['model.', ''],
  gpt2: ['transformer.', ''],
  opt: ['model.decoder.', 'decoder.', 'model.', ''],
}

/** Buffers that old files store and that the configuration already implies. */
const HARMLESS: { readonly [F in Family]: RegExp } = {
  llama: /^(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/,
  gpt2: /^h\.\d+\.attn\.(bias|masked_bias)$/,
  opt: /^version$/,
}

/** Elements compared at once when a stored head must equal the embedding. */
const COMPARE = 1 << 20

/**
 * Opens a model directory in the Hugging Face layout: `config.json` and safetensors.
 * @throws InputError naming the first field that is not supported, or the first tensor that is missing, unexpected or
 *   of the wrong shape; the file system's error if a file cannot be read
 */
export function loadCheckpoint(dir: string): Checkpoint {
  const config = readConfig(join(dir, 'config.json'))
  const store = openWeights(dir)
  try {
    return checkpoint(dir, config, store)
  } catch (error) {
    store.close()
    throw error
  }
}

function checkpoint(dir: string, config: ModelConfig, store: WeightStore): Checkpoint {
  const expected = expectedTensors(config)
  const stored = new Map<string, string>()
  let tiedCopy: string | undefined
  for (const name of store.names()) {
    const canonical = canonicalName(config.family, name)
    if (stored.has(canonical))
      throw new InputError(`${dir}: ${name}`, 'one tensor of a name', stored.get(canonical) ?? '')
    if (expected.has(canonical)) stored.set(canonical, name)
    else if (canonical === 'lm_head.weight') tiedCopy = name
    else if (!HARMLESS[config.family].test(canonical))
      throw new InputError(`${dir}: ${name}`, 'only tensors of the configured model', 'an unexpected one')
  }
  for (const [canonical, shape] of expected) {
    const name = stored.get(canonical)
    if (name === undefined) throw new InputError(`${dir}: ${canonical}`, `a tensor [${shape}]`, 'none')
    const actual = store.shape(name)
    if (String(actual) !== String(shape))
      throw new InputError(`${dir}: ${name}`, `shape [${shape}]`, `[${actual}]`)
  }
  if (tiedCopy !== undefined) checkEqual(dir, store, tiedCopy, stored.get(EMBEDDING[config.family]) ?? '')

  function find(name: string): string {
    const found = stored.get(name)
    if (found === undefined) throw new InputError('name', `a tensor of ${dir}`, `"${name}"`)
    return found
  }
  return {
    dir,
    config,
    parameters: [...expected.values()].reduce((sum, shape) => sum + elements(shape), 0),
    names: () => [...expected.keys()],
    shape: name => store.shape(find(name)),
    read: name => store.read(find(name)),
    readRange: (name, start, count) => store.readRange(find(name), start, count),
    close: () => store.close(),
  }
}

/** The name without its prefix. The head lies outside every wrapper. */
function canonicalName(family: Family, name: string): string {
  if (name.startsWith('lm_head.')) return name
  const prefix = PREFIXES[family].find(prefix => name.startsWith(prefix)) ?? ''
  return name.slice(prefix.length)
}

/** @throws InputError unless a head that is stored although it is tied equals the embedding */
function checkEqual(dir: string, store: WeightStore, head: string, embedding: string): void {
  const shape = store.shape(embedding)
  if (String(store.shape(head)) !== String(shape))
    throw new InputError(
      `${dir}: ${head}`,
      `shape [${shape}] of the tied embedding`,
      `[${store.shape(head)}]`,
    )
  const count = elements(shape)
  for (let start = 0; start < count; start += COMPARE) {
    const length = Math.min(COMPARE, count - start)
    const a = store.readRange(head, start, length)
    const b = store.readRange(embedding, start, length)
    const at = a.findIndex((value, i) => value !== b[i])
    if (at >= 0)
      throw new InputError(
        `${dir}: ${head}`,
        'the token embedding, as tie_word_embeddings says',
        `another value at element ${start + at}`,
      )
  }
}
