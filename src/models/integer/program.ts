/** The program of a described model on one sequence: what prover and verifier both derive. */
import type { Node } from '../../ops/registry.ts'
import type { Program } from '../../program/program.ts'
import { ModelBuilder } from './builder.ts'
import type { ModelDescription } from './description.ts'
import { buildModel, type Sequence } from './families.ts'

/** @throws InputError when description and sequence do not fit */
export const build = (
  description: ModelDescription,
  sequence: Sequence,
): { program: Program; nodes: readonly Node[] } => {
  const m = new ModelBuilder(description, description.scales)
  buildModel(m, description.config, sequence)
  return { program: m.program.finish(), nodes: m.nodes }
}

/** The sequence that a proof is about: all but the last generated token are inputs, too. */
export const sequenceOf = (prompt: readonly (number | null)[], generated: readonly number[]): Sequence => ({
  tokens: [...prompt, ...generated.slice(0, -1)],
  first: prompt.length - 1,
  chosen: generated,
})
