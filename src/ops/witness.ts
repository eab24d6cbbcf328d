/** The witness rule of every operator. */
import type { Execution } from '../graph/execution.ts'
import { argmaxFinish } from './argmax/witness.ts'
import { attentionFinish, attentionWitness } from './attention/witness.ts'
import { embedWitness } from './embed/witness.ts'
import { linearWitness } from './linear/witness.ts'
import { normWitness } from './norm/witness.ts'
import { productWitness } from './product/witness.ts'
import type { Node, NodeOf, Op } from './registry.ts'
import { reluWitness } from './relu/witness.ts'
import { ropeWitness } from './rope/witness.ts'
import { sumWitness } from './sum/witness.ts'
import { tableWitness } from './table/witness.ts'

export interface Rule<N> {
  /** Computes rows from..to of the token axis. */
  run(x: Execution, node: N, from: number, to: number, tokens: ArrayLike<number>): void
  /** What only the whole sequence decides. */
  finish?(x: Execution, node: N): void
}

const RULES: { readonly [O in Op]: Rule<NodeOf<O>> } = {
  embed: { run: (x, node, from, to, tokens) => embedWitness(x, node, tokens, from, to) },
  linear: { run: linearWitness },
  norm: { run: normWitness },
  rope: { run: ropeWitness },
  attention: { run: attentionWitness, finish: attentionFinish },
  table: { run: tableWitness },
  relu: { run: reluWitness },
  product: { run: productWitness },
  sum: { run: sumWitness },
  argmax: { run: () => {}, finish: argmaxFinish },
}

const ruleOf = (node: Node): Rule<Node> => RULES[node.op] as Rule<Node>

export const runNode = (
  x: Execution,
  node: Node,
  from: number,
  to: number,
  tokens: ArrayLike<number>,
): void => ruleOf(node).run(x, node, from, to, tokens)

export const finishNode = (x: Execution, node: Node): void => ruleOf(node).finish?.(x, node)
