import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { isObject, readObject } from './json.ts'
import { openSafetensors, type SafetensorsFile } from './safetensors-file.ts'
import type { TensorEntry } from './safetensors-header.ts'
import type { FloatTensor } from './tensor.ts'

/** The tensors of a model on disk. Each `read` allocates that tensor alone, so a model may be larger than memory. */
export interface WeightStore {
  /** The tensors' names as stored, sorted. */
  names(): string[]
  has(name: string): boolean
  /** @throws InputError if there is no such tensor */
  shape(name: string): number[]
  /** The stored type, such as `F16`. */
  dtype(name: string): string
  /** @throws InputError on a missing tensor, a type other than F32, F16, BF16, and on NaN or infinite weights */
  read(name: string): FloatTensor
  /** Elements start .. start + count - 1, row-major: for tensors that do not fit into memory whole. */
  readRange(name: string, start: number, count: number): Float32Array
  close(): void
}

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/**
 * Opens the weights of a model directory in the Hugging Face layout: `model.safetensors`, or the files named by
 * `model.safetensors.index.json`.
 * @throws InputError if neither exists, if a header is malformed, or if the index and the files disagree
 */
export function openWeights(dir: string): WeightStore {
  const files: SafetensorsFile[] = []
  try {
    if (existsSync(join(dir, SINGLE))) files.push(openSafetensors(join(dir, SINGLE)))
    else if (existsSync(join(dir, INDEX))) openShards(dir, files)
    else throw new InputError(dir, `a directory with ${SINGLE} or ${INDEX}`, 'neither file')
    return store(dir, files)
  } catch (error) {
    for (const file of files) file.close()
    throw error
  }
}

function openShards(dir: string, files: SafetensorsFile[]): void {
  const path = join(dir, INDEX)
  const map = readObject(path).weight_map
  if (!isObject(map)) throw new InputError(`${path}: weight_map`, 'an object', typeof map)
  const shardOf = new Map<string, string>()
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !/^[\w.-]+\.safetensors$/.test(shard))
      throw new InputError(
        `${path}: ${name}`,
        'the name of a .safetensors file beside the index',
        JSON.stringify(shard),
      )
    shardOf.set(name, shard)
  }
  for (const shard of [...new Set(shardOf.values())].sort()) {
    const file = openSafetensors(join(dir, shard))
    files.push(file)
    for (const name of file.entries.keys())
      if (shardOf.get(name) !== shard)
        throw new InputError(
          `${path}: ${name}`,
          `${shard}, where the tensor lies`,
          shardOf.get(name) ?? 'no entry',
        )
  }
  const stored = new Set(files.flatMap(file => [...file.entries.keys()]))
  for (const [name, shard] of shardOf)
    if (!stored.has(name))
      throw new InputError(`${path}: ${name}`, `a tensor in ${shard}`, 'none of that name')
}

function store(dir: string, files: readonly SafetensorsFile[]): WeightStore {
  const owner = new Map<string, SafetensorsFile>()
  for (const file of files) for (const name of file.entries.keys()) owner.set(name, file)

  function find(name: string): { file: SafetensorsFile; entry: TensorEntry } {
    const file = owner.get(name)
    const entry = file?.entries.get(name)
    if (!file || !entry) throw new InputError('name', `a tensor of ${dir}`, `"${name}"`)
    return { file, entry }
  }

  return {
    names: () => [...owner.keys()].sort(),
    has: name => owner.has(name),
    shape: name => [...find(name).entry.shape],
    dtype: name => find(name).entry.dtype,
    read(name) {
      const { file, entry } = find(name)
      return { shape: [...entry.shape], data: file.read(name, 0, entry.count) }
    },
    readRange: (name, start, count) => find(name).file.read(name, start, count),
    close() {
      for (const file of files) file.close()
    },
  }
}
