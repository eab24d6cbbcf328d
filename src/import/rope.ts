import { InputError } from '../errors.ts'
import { cos, pow, sin } from '../tables/math.ts'
import type { ModelConfig, RopeScaling } from './config.ts'

/** Larger angles leave the range in which sin and cos are exact. */
const MAX_POSITIONS = 2 ** 20
const TWO_PI = 6.283185307179586

/**
 * The rotary embedding's cosines and sines, the same doubles on every engine: entry p * headDim/2 + i is
 * cos(p f_i) and sin(p f_i), with f_i = theta^(-2i/headDim) stretched as `ropeScaling` says.
 *
 * Pairing follows the Hugging Face weights: component i turns with component i + headDim/2.
 * @param positions rows 0 .. positions - 1; at most config.maxPositions
 * @returns cos and sin, each [positions, headDim/2]
 */
export function ropeTables(config: ModelConfig, positions: number): { cos: Float64Array; sin: Float64Array } {
  if (config.family !== 'llama')
    throw new InputError('config', 'a model with rotary positions', config.family)
  const most = Math.min(config.maxPositions, MAX_POSITIONS)
  if (!Number.isInteger(positions) || positions < 1 || positions > most)
    throw new InputError('positions', `an integer from 1 to ${most}`, `${positions}`)
  const frequencies = ropeFrequencies(config)
  const half = frequencies.length
  const tables = { cos: new Float64Array(positions * half), sin: new Float64Array(positions * half) }
  for (let p = 0; p < positions; p++)
    for (let i = 0; i < half; i++) {
      const angle = p * (frequencies[i] as number)
      tables.cos[p * half + i] = cos(angle)
      tables.sin[p * half + i] = sin(angle)
    }
  return tables
}

/** f_i for i in [0, headDim/2), in radians per position. */
export function ropeFrequencies(
  config: Pick<ModelConfig, 'headDim' | 'ropeTheta' | 'ropeScaling'>,
): Float64Array {
  const { headDim, ropeTheta, ropeScaling } = config
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => 1 / pow(ropeTheta, (2 * i) / headDim))
  return plain.map(frequency => stretch(frequency, ropeScaling))
}

/**
 * llama3: wavelengths shorter than L / high stay, longer than L / low are stretched by `factor`, and between them the
 * two are blended linearly in L / wavelength, where L is the context of the original training.
 */
function stretch(frequency: number, scaling: RopeScaling): number {
  if (scaling.type === 'none') return frequency
  if (scaling.type === 'linear') return frequency / scaling.factor
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositions: context } = scaling
  const turns = (context * frequency) / TWO_PI
  if (turns > high) return frequency
  if (turns < low) return frequency / factor
  const blend = (turns - low) / (high - low)
  return (1 - blend) * (frequency / factor) + blend * frequency
}
