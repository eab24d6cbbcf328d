/** A quantised model with its weights: integer inference and the witness of a generated sequence. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import { Execution } from '../../graph/execution.ts'
import { argmaxOf, logits } from '../../ops/argmax/witness.ts'
import type { Node, NodeOf } from '../../ops/registry.ts'
import { finishNode, runNode } from '../../ops/witness.ts'
import type { Program, Tensor } from '../../program/program.ts'
import { countMultiplicities } from '../../proof/multiplicities.ts'
import type { ModelDescription } from './description.ts'
import { build } from './program.ts'

export const argmaxNode = (nodes: readonly Node[]): NodeOf<'argmax'> => {
  const found = nodes.find(n => n.op === 'argmax')
  if (!found) throw new InputError('model', 'an argmax', 'none')
  return found
}

/** A finished generation: what was said, and everything a proof of it needs. */
export interface Run {
  readonly prompt: readonly number[]
  readonly generated: readonly number[]
  readonly execution: Execution
}

export class IntegerModel {
  readonly description: ModelDescription
  readonly backend: Backend
  readonly #weights: ReadonlyMap<string, Int16Array>

  constructor(description: ModelDescription, weights: ReadonlyMap<string, Int16Array>, backend: Backend) {
    this.description = description
    this.#weights = weights
    this.backend = backend
  }

  weight(tensor: Tensor): Int16Array {
    const found = this.#weights.get(tensor.name)
    if (!found) throw new InputError('model', `weights ${tensor.name}`, 'none')
    return found
  }

  #start(tokens: readonly number[], count: number): { nodes: readonly Node[]; execution: Execution } {
    const { nodes } = build(this.description, {
      tokens,
      first: tokens.length - count,
      chosen: Array.from({ length: count }, () => 0),
    })
    return { nodes, execution: new Execution(this.backend, tensor => this.weight(tensor)) }
  }

  /** Greedy decoding: the argmax at each position, ties to the lowest token. */
  async generate(
    prompt: readonly number[],
    count: number,
    onToken?: (done: number, token: number) => void | Promise<void>,
  ): Promise<Run> {
    if (prompt.length === 0) throw new InputError('prompt', 'at least one token', 'an empty prompt')
    if (!(Number.isInteger(count) && count >= 1))
      throw new InputError('max-new-tokens', 'at least 1', `${count}`)
    const length = prompt.length + count - 1
    const most = this.description.config.maxPositions
    if (length > most)
      throw new InputError('prompt', `prompt and new tokens within ${most} positions`, `${length}`)
    const tokens = [...prompt, ...Array.from({ length: count - 1 }, () => 0)]
    const { nodes, execution } = this.#start(tokens, count)
    const head = argmaxNode(nodes)
    const generated: number[] = []
    let done = 0
    for (let i = 0; i < count; i++) {
      const to = prompt.length + i
      for (const node of nodes) runNode(execution, node, done, to, tokens)
      done = to
      const token = argmaxOf(logits(execution, head, to - 1))
      generated.push(token)
      if (i + 1 < count) tokens[to] = token
      await onToken?.(i + 1, token)
    }
    return { prompt, generated, execution }
  }

  /** Integer logits at every position of a text, in real units: [tokens, vocabulary]. */
  logits(tokens: readonly number[]): Float32Array {
    const { nodes, execution } = this.#start(tokens, 1)
    for (const node of nodes) {
      runNode(execution, node, 0, tokens.length, tokens)
      // Keeps one block in memory, not all.
      if (node.op === 'sum') execution.forget()
    }
    const head = argmaxNode(nodes)
    const unit = 2 ** -(head.x.scale + head.head.scale)
    const vocabulary = this.description.config.vocabSize
    const out = new Float32Array(tokens.length * vocabulary)
    for (let i = 0; i < tokens.length; i++) {
      logits(execution, head, i).forEach((v, j) => {
        out[i * vocabulary + j] = v * unit
      })
    }
    return out
  }

  /**
   * The whole witness of a run for its program. A program with private tokens has other tensors than the one that was
   * generated with, and is run again.
   */
  witness(run: Run, program: Program, nodes: readonly Node[]): Execution {
    let { execution } = run
    if (nodes.some(n => n.op === 'embed' && n.oneHot)) {
      execution = new Execution(this.backend, tensor => this.weight(tensor))
      const tokens = [...run.prompt, ...run.generated.slice(0, -1)]
      for (const node of nodes) runNode(execution, node, 0, tokens.length, tokens)
    }
    for (const node of nodes) finishNode(execution, node)
    countMultiplicities(program, execution)
    return execution
  }
}
