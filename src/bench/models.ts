/** Models of true shapes with random weights, for benchmarks where no checkpoint is at hand. */
import type { Backend } from '../backend/backend.ts'
import type { ModelConfig } from '../import/config.ts'
import { calibrate } from '../models/integer/calibrate.ts'

const base: Pick<
  ModelConfig,
  'normEps' | 'ropeTheta' | 'ropeScaling' | 'doLayerNormBefore' | 'bosToken' | 'eosToken'
> = {
  normEps: 1e-5,
  ropeTheta: 0,
  ropeScaling: { type: 'none' },
  doLayerNormBefore: true,
  bosToken: null,
  eosToken: [],
}

export const SHAPES = {
  'gpt2-small': {
    ...base,
    family: 'gpt2',
    vocabSize: 50257,
    hiddenSize: 768,
    layers: 12,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    ffSize: 3072,
    maxPositions: 1024,
    tiedHead: true,
    activation: 'gelu_new',
    attentionBias: true,
    mlpBias: true,
  },
  'opt-125m': {
    ...base,
    family: 'opt',
    vocabSize: 50272,
    hiddenSize: 768,
    layers: 12,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    ffSize: 3072,
    maxPositions: 2048,
    tiedHead: true,
    activation: 'relu',
    attentionBias: true,
    mlpBias: true,
  },
  'llama-1.1b': {
    ...base,
    family: 'llama',
    vocabSize: 32000,
    hiddenSize: 2048,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    headDim: 64,
    ffSize: 5632,
    maxPositions: 2048,
    tiedHead: false,
    activation: 'silu',
    attentionBias: false,
    mlpBias: false,
    ropeTheta: 10000,
  },
} satisfies Record<string, ModelConfig>

/** Uniform values of the variance that initialisers use; 1 for gains, 0 for biases. */
const randomTensor = (name: string, shape: readonly number[], next: () => number): Float32Array => {
  const out = new Float32Array(shape.reduce((p, s) => p * s, 1))
  if (name.endsWith('.gain')) return out.fill(1)
  if (name.endsWith('.bias')) return out
  for (let i = 0; i < out.length; i++) out[i] = (next() - 0.5) * 0.07
  return out
}

/** xorshift32 in [0, 1). */
const generator = (seed: number): (() => number) => {
  let s = seed
  return () => {
    s ^= s << 13
    s ^= s >>> 17
    s ^= s << 5
    return (s >>> 0) / 4294967296
  }
}

export const randomModel = (backend: Backend, config: ModelConfig) => {
  const next = generator(12345)
  const tokens = Array.from({ length: 16 }, () => Math.floor(next() * config.vocabSize))
  return calibrate(backend, config, (name, shape) => randomTensor(name, shape, next), [tokens])
}
