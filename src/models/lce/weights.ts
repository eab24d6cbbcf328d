/** Weights on disk: one safetensors file whose header names the network they belong to. */
import { renameSync, writeFileSync } from 'node:fs'
import { InputError } from '../../errors.ts'
import { openSafetensors } from '../../import/safetensors-file.ts'
import { writeSafetensors } from '../../import/safetensors-write.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { sameShape } from '../../nn/shape.ts'
import { type Corrector, type LceConfig, parseConfig, WINDOW } from './config.ts'
import { lceGraph } from './network.ts'

export interface LceWeights {
  readonly config: LceConfig
  readonly tensors: ReadonlyMap<string, FloatTensor>
}

/** The fields of a file's header. */
export const configFields = (config: LceConfig): Record<string, string> =>
  Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)]))

/** Every tensor and field of a safetensors file, and its configuration. @throws InputError if it is of another family */
export function readTensors(path: string): {
  config: LceConfig
  tensors: Map<string, FloatTensor>
  metadata: Readonly<Record<string, string>>
} {
  const file = openSafetensors(path)
  try {
    if (file.metadata.scale === undefined)
      throw new InputError(
        path,
        'weights of a super-resolution network',
        'a safetensors file without a scale',
      )
    const tensors = [...file.entries].map(([name, { shape, count }]): [string, FloatTensor] => {
      return [name, { shape: [...shape], data: file.read(name, 0, count) }]
    })
    return { config: parseConfig(file.metadata), tensors: new Map(tensors), metadata: file.metadata }
  } finally {
    file.close()
  }
}

/**
 * @param wanted what the caller needs; fields that are absent may be anything
 * @throws InputError naming the file if it is malformed, belongs to another network than wanted, or lacks a tensor
 */
export function readWeights(path: string, wanted: Partial<LceConfig> = {}): LceWeights {
  const { config, tensors } = readTensors(path)
  for (const [key, value] of Object.entries(wanted)) {
    const got = config[key as keyof LceConfig]
    if (got !== value) throw new InputError(`${path}: ${key}`, String(value), String(got))
  }
  const used = new Map<string, FloatTensor>()
  for (const [name, { shape }] of lceGraph(config, WINDOW, WINDOW).parameters.nodes) {
    const tensor = tensors.get(name)
    if (tensor === undefined || !sameShape(tensor.shape, shape))
      throw new InputError(`${path}: ${name}`, `[${shape}]`, tensor ? `[${tensor.shape}]` : 'no such tensor')
    used.set(name, tensor)
  }
  return { config, tensors: used }
}

/** The same super-resolution network, given its corrected image from elsewhere: the true one, the filter's, or `lr` itself. */
export function withCorrector(
  { config, tensors }: LceWeights,
  corrector: Exclude<Corrector, 'learned'>,
): LceWeights {
  const rest = [...tensors].filter(([name]) => !name.startsWith('corrector.'))
  return { config: { ...config, corrector }, tensors: new Map(rest) }
}

/** Writes beside the target first, so that a reader finds either the old file or the new one. */
export function writeWeights(path: string, { config, tensors }: LceWeights): void {
  writeAtomic(path, writeSafetensors(tensors, 'F32', configFields(config)))
}

/** Replaces a file at once. */
export function writeAtomic(path: string, bytes: Uint8Array | string): void {
  writeFileSync(`${path}.tmp`, bytes)
  renameSync(`${path}.tmp`, path)
}
