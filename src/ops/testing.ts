/** Runs single operators on chosen integers, and checks their relations on the way. Tests only. */
import { loadBackend } from '../backend/index.ts'
import { Execution } from '../graph/execution.ts'
import { ProgramBuilder, type Weight, type Wire, wireOf } from '../graph/graph.ts'
import { checkProgram } from '../program/check.ts'
import type { PublicTensor, Tensor } from '../program/program.ts'
import { countMultiplicities } from '../proof/multiplicities.ts'
import type { Node } from './registry.ts'
import { finishNode, runNode } from './witness.ts'

export class Bench {
  readonly program = new ProgramBuilder()
  readonly #inputs = new Map<Tensor, readonly number[]>()
  readonly #weights = new Map<Tensor, Int16Array>()

  /** A wire of given integers of `bits` bits. */
  input(shape: readonly number[], values: readonly number[], scale = 0, bits = 16): Wire {
    const tensor = this.program.tensor(`x${this.#inputs.size}`, shape)
    this.#inputs.set(tensor, values)
    return wireOf(tensor, scale, 2 ** (bits - 1))
  }

  weight(shape: readonly number[], values: readonly number[], scale = 0): Weight {
    const weight = this.program.weight(`w${this.#weights.size}`, shape, scale)
    this.#weights.set(weight.tensor, Int16Array.from(values))
    return weight
  }

  /**
   * @param rows size of the token axis
   * @param tokens what an embedding reads
   * @returns the execution, and the names of relations and lookups that its witness breaks
   */
  run(node: Node, rows: number, tokens: readonly number[] = []): { x: Execution; broken: string[] } {
    const program = this.program.finish()
    const x = new Execution(loadBackend(), t => this.#weights.get(t) ?? new Int16Array(0))
    for (const [tensor, values] of this.#inputs) x.ints(tensor).set(values)
    // Row by row, as generation does.
    for (let i = 0; i < rows; i++) runNode(x, node, i, i + 1, tokens)
    finishNode(x, node)
    countMultiplicities(program, x)
    return { x, broken: checkProgram(program, t => x.values(t)) }
  }

  /** The output of a node whose witness is complete. @throws Error naming what the witness breaks */
  output(node: Exclude<Node, { op: 'argmax' }>, rows: number, tokens: readonly number[] = []): number[] {
    const { x, broken } = this.run(node, rows, tokens)
    if (broken.length > 0) throw new Error(`broken: ${broken.join(', ')}`)
    return [...x.wire(node.out)]
  }
}

/** A public tensor of given integers; never evaluated. */
export const publicTensor = (
  name: string,
  shape: readonly number[],
  values: readonly number[],
): PublicTensor => ({
  name,
  shape,
  values: () => Int32Array.from(values),
  evaluate: () => {
    throw new Error(`${name} has no extension here`)
  },
})
