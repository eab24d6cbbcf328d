/** All operators' nodes. A member missing from a rule table of this type does not compile. */
import type { ArgmaxNode } from './argmax/relation.ts'
import type { AttentionNode } from './attention/relation.ts'
import type { EmbedNode } from './embed/relation.ts'
import type { LinearNode } from './linear/relation.ts'
import type { NormNode } from './norm/relation.ts'
import type { ProductNode } from './product/relation.ts'
import type { ReluNode } from './relu/relation.ts'
import type { RopeNode } from './rope/relation.ts'
import type { SumNode } from './sum/relation.ts'
import type { TableNode } from './table/relation.ts'

export type Node =
  | EmbedNode
  | LinearNode
  | NormNode
  | RopeNode
  | AttentionNode
  | TableNode
  | ReluNode
  | ProductNode
  | SumNode
  | ArgmaxNode

export type Op = Node['op']
export type NodeOf<O extends Op> = Extract<Node, { op: O }>
