/** Rotary positions (Su et al., "RoFormer") in the half-split layout of the LLaMA files. */
import type { RopeScaling } from '../../import/config.ts'
import * as G from '../../nn/graph.ts'
import type { Node } from '../../nn/graph.ts'

/** `cos` and `sin` of position times frequency, each `[positions, headDim / 2]`. */
export interface RopeTable {
  readonly cos: Float32Array
  readonly sin: Float32Array
}

export interface RopeConfig {
  readonly headDim: number
  readonly ropeTheta: number
  readonly ropeScaling: RopeScaling
}

/** Radians per position of each of the `headDim / 2` planes. */
export function ropeFrequencies({ headDim, ropeTheta, ropeScaling }: RopeConfig): number[] {
  const plain = Array.from({ length: headDim / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headDim))
  return plain.map(f => stretch(f, ropeScaling))
}

function stretch(frequency: number, scaling: RopeScaling): number {
  if (scaling.type === 'none') return frequency
  if (scaling.type === 'linear') return frequency / scaling.factor
  // Llama 3: long waves are slowed by `factor`, short ones kept, a linear ramp (in turns per context) between.
  const turns = (scaling.originalMaxPositions * frequency) / (2 * Math.PI)
  const { lowFreqFactor: low, highFreqFactor: high, factor } = scaling
  const keep = Math.min(1, Math.max(0, (turns - low) / (high - low)))
  return frequency * (keep + (1 - keep) / factor)
}

export function ropeTable(config: RopeConfig, positions: number): RopeTable {
  const frequencies = ropeFrequencies(config)
  const angles = Array.from({ length: positions }, (_, t) => frequencies.map(f => t * f)).flat()
  return { cos: Float32Array.from(angles, Math.cos), sin: Float32Array.from(angles, Math.sin) }
}

/** The first rows of a table as constants `[t, headDim / 2]`. */
export interface RopeNodes {
  readonly cos: Node
  readonly sin: Node
}

/** @param table at least `t` positions */
export function ropeNodes(table: RopeTable, t: number, headDim: number): RopeNodes {
  const half = headDim / 2
  const rows = (data: Float32Array) => G.constant(data.slice(0, t * half), [t, half])
  return { cos: rows(table.cos), sin: rows(table.sin) }
}

/**
 * Rotates plane i, spanned by entries i and i + width/2, by the angle of its row's position.
 * @param x `[..., t, width]`
 */
export function rotate(x: Node, { cos, sin }: RopeNodes): Node {
  const half = x.shape.at(-1)! / 2
  const [a, b] = [G.slice(x, -1, 0, half), G.slice(x, -1, half, 2 * half)]
  return G.concat([G.sub(G.mul(a, cos), G.mul(b, sin)), G.add(G.mul(b, cos), G.mul(a, sin))], -1)
}
