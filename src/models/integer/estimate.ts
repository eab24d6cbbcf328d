/** What a proof will cost, from shapes alone: nothing is executed and no weight is read. */
import { chooseShape, openingBytes } from '../../commit/geometry.ts'
import type { ModelConfig } from '../../import/config.ts'
import { layoutTensors } from '../../program/layout.ts'
import { setUp } from '../../proof/setup.ts'
import { type Calibrator, ModelBuilder, type Unscaled } from './builder.ts'
import { buildModel } from './families.ts'
import { sequenceOf } from './program.ts'

/** Scales as calibrated models have them. */
const typical: Calibrator = {
  weight: (_, __, most) => Math.min(14, most),
  output: (node: Unscaled) => (node.op === 'attention' ? 9 : 11),
  ran: () => {},
}

export interface Estimate {
  readonly operators: Readonly<Record<string, number>>
  readonly positions: number
  readonly weights: number
  readonly committed_values: number
  readonly lookups: number
  readonly proof_bytes: number
  readonly prove_seconds: number
  readonly memory_bytes: number
  readonly security_bits: number
}

/** Nanoseconds of wall time on two cores, fitted to the benchmarks: per committed value, lookup and weight; and a fixed part. */
const COST = { committed: 190, lookup: 150, weight: 24, fixed: 1.5 }
/** Bytes that the process itself takes. */
const BASE_MEMORY = 3e8

/** @throws InputError when the model cannot be proven, naming why */
export const estimate = (
  config: ModelConfig,
  prompt: number,
  generated: number,
  openings: number,
): Estimate => {
  const zeros = (n: number): number[] => Array.from({ length: n }, () => 0)
  const m = new ModelBuilder({ residualBits: 16, activationBits: 16 }, { residual: 10 }, typical)
  buildModel(m, config, sequenceOf(zeros(prompt), zeros(generated)))
  const program = m.program.finish()
  const operators: Record<string, number> = {}
  for (const node of m.nodes) operators[node.op] = (operators[node.op] ?? 0) + 1
  const weights = layoutTensors(program.weights).length
  const witness = layoutTensors(program.witness).length
  const shape = chooseShape(weights, openings, witness)
  const setup = setUp(program, { weights: shape })
  const masked = setup.extra.total - setup.products.length * 2 - 3
  const committed = setup.layouts.witness.length
  const leaves = 2 ** setup.lookups.depth
  return {
    operators,
    positions: prompt + generated - 1,
    weights,
    committed_values: committed,
    lookups: setup.lookups.used,
    proof_bytes: Math.round(openingBytes(setup.geometry) + 16 * masked),
    prove_seconds:
      COST.fixed +
      1e-9 * (COST.committed * committed + COST.lookup * setup.lookups.used + COST.weight * weights),
    memory_bytes:
      BASE_MEMORY + 4 * weights + 16 * committed + 16 * Math.min(leaves, 2 ** 28) + 64 * 2 ** shape.logDomain,
    security_bits: setup.soundness.bits,
  }
}
