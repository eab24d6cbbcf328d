/**
 * The public description of a quantised model: architecture and every scale. With a number of tokens it determines the
 * whole program; weights are named by their commitment.
 */
import { z } from 'zod'
import type { ModelConfig } from '../../import/config.ts'

const positive = z
  .int()
  .min(1)
  .max(2 ** 24)
const scale = z.int().min(-32).max(48)

const configSchema = z.strictObject({
  family: z.enum(['llama', 'gpt2', 'opt']),
  vocabSize: positive,
  hiddenSize: z.int().min(1).max(65536),
  layers: z.int().min(1).max(512),
  heads: z.int().min(1).max(1024),
  kvHeads: z.int().min(1).max(1024),
  headDim: z.int().min(1).max(1024),
  ffSize: z.int().min(1).max(262144),
  maxPositions: z
    .int()
    .min(1)
    .max(2 ** 20),
  normEps: z.number().positive().max(1),
  tiedHead: z.boolean(),
  activation: z.enum(['silu', 'gelu', 'gelu_new', 'relu']),
  ropeTheta: z.number().min(0),
  ropeScaling: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('none') }),
    z.strictObject({ type: z.literal('linear'), factor: z.number().positive() }),
    z.strictObject({
      type: z.literal('llama3'),
      factor: z.number().positive(),
      lowFreqFactor: z.number().positive(),
      highFreqFactor: z.number().positive(),
      originalMaxPositions: positive,
    }),
  ]),
  doLayerNormBefore: z.boolean(),
  attentionBias: z.boolean(),
  mlpBias: z.boolean(),
  bosToken: z.int().nullable(),
  eosToken: z.array(z.int()),
})

export const descriptionSchema = z.strictObject({
  config: configSchema,
  /** Bits of the residual stream's summands. */
  residualBits: z.int().min(8).max(28),
  /** Bits of every other activation. */
  activationBits: z.int().min(8).max(16),
  /** log2 of the units per 1.0, by weight and by node. */
  scales: z.record(z.string().max(64), scale),
})

export interface ModelDescription {
  readonly config: ModelConfig
  readonly residualBits: number
  readonly activationBits: number
  readonly scales: Readonly<Record<string, number>>
}

/** One canonical text for one description. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const record = value as Record<string, unknown>
    const parts = Object.keys(record)
      .sort()
      .map(key => `${JSON.stringify(key)}:${canonicalJson(record[key])}`)
    return `{${parts.join(',')}}`
  }
  return JSON.stringify(value)
}
