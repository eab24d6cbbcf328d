/** Quantised models on disk: `proofmark.json` (the description) and `weights.int16`, or a float checkpoint beside it. */
import { closeSync, openSync, readFileSync, readSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { blake3 } from '@noble/hashes/blake3.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { InputError } from '../../errors.ts'
import { loadCheckpoint } from '../../import/checkpoint.ts'
import { BLIND_NAME } from '../../proof/commitment.ts'
import { writeAtomic } from '../../state/durable.ts'
import { canonicalJson, descriptionSchema, type ModelDescription } from './description.ts'
import { build } from './program.ts'
import { floatWeight, quantise } from './weights.ts'

export const DESCRIPTION_FILE = 'proofmark.json'
export const WEIGHTS_FILE = 'weights.int16'

const fileSchema = z.strictObject({
  format: z.literal('proofmark-model'),
  version: z.literal(1),
  model: descriptionSchema,
  /** BLAKE3 of weights.int16; null when the weights are quantised from the checkpoint beside. */
  weights: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
})

/** Names and sizes of all weights, in program order. */
export const weightTensors = (description: ModelDescription): { name: string; shape: readonly number[] }[] =>
  build(description, { tokens: [0], first: 0, chosen: [0] }).program.weights.filter(
    t => t.name !== BLIND_NAME,
  )

const sizeOf = (shape: readonly number[]): number => shape.reduce((p, s) => p * s, 1)

export const saveModel = (
  dir: string,
  description: ModelDescription,
  weights: ReadonlyMap<string, Int16Array> | undefined,
): string[] => {
  let digest: string | null = null
  const files: string[] = []
  if (weights) {
    const tensors = weightTensors(description)
    const bytes = new Uint8Array(2 * tensors.reduce((s, t) => s + sizeOf(t.shape), 0))
    let at = 0
    for (const { name } of tensors) {
      const data = weights.get(name)
      if (!data) throw new InputError('model', `weights ${name}`, 'none')
      bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
      at += data.byteLength
    }
    digest = bytesToHex(blake3(bytes))
    files.push(join(dir, WEIGHTS_FILE))
    writeAtomic(join(dir, WEIGHTS_FILE), bytes)
  }
  files.push(join(dir, DESCRIPTION_FILE))
  writeAtomic(
    join(dir, DESCRIPTION_FILE),
    `${canonicalJson({ format: 'proofmark-model', version: 1, model: description, weights: digest })}\n`,
  )
  return files
}

const readWeights = (
  path: string,
  description: ModelDescription,
  digest: string,
): Map<string, Int16Array> => {
  const out = new Map<string, Int16Array>()
  const hash = blake3.create({})
  const file = openSync(path, 'r')
  try {
    for (const { name, shape } of weightTensors(description)) {
      const data = new Int16Array(sizeOf(shape))
      const bytes = new Uint8Array(data.buffer)
      const got = readSync(file, bytes)
      if (got !== bytes.length) throw new InputError(path, `${bytes.length} bytes for ${name}`, `${got}`)
      hash.update(bytes)
      out.set(name, data)
    }
    if (readSync(file, new Uint8Array(1)) !== 0)
      throw new InputError(path, 'the described weights', 'more bytes')
  } finally {
    closeSync(file)
  }
  if (bytesToHex(hash.digest()) !== digest)
    throw new InputError(path, `BLAKE3 ${digest}`, 'another digest: the file is damaged')
  return out
}

/**
 * @throws InputError naming the file and what is wrong with it
 */
export const readModel = (
  dir: string,
): { description: ModelDescription; weights: Map<string, Int16Array> } => {
  const path = join(dir, DESCRIPTION_FILE)
  if (!existsSync(path)) {
    throw new InputError(
      dir,
      `a calibrated model (run: proofmark calibrate ${dir} --text FILE -o DIR)`,
      `no ${DESCRIPTION_FILE}`,
    )
  }
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new InputError(path, 'JSON', (error as Error).message)
  }
  const parsed = fileSchema.safeParse(json)
  if (!parsed.success) {
    const first = parsed.error.issues[0]
    throw new InputError(path, 'a model description', `${first?.path.join('.')}: ${first?.message}`)
  }
  const description = parsed.data.model as ModelDescription
  if (parsed.data.weights !== null) {
    return { description, weights: readWeights(join(dir, WEIGHTS_FILE), description, parsed.data.weights) }
  }
  const checkpoint = loadCheckpoint(dir)
  try {
    if (canonicalJson(checkpoint.config) !== canonicalJson(description.config)) {
      throw new InputError(path, 'the description of the checkpoint beside it', 'another architecture')
    }
    const weights = new Map<string, Int16Array>()
    for (const { name, shape } of weightTensors(description)) {
      const data = floatWeight(checkpoint.config, n => checkpoint.read(n), name, shape)
      weights.set(name, quantise(data, description.scales[name] ?? 0))
    }
    return { description, weights }
  } finally {
    checkpoint.close()
  }
}
