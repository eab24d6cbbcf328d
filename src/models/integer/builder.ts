/** Composes operators into a model's program. Scales come from the description, or from a calibration as it runs. */
import { InputError } from '../../errors.ts'
import { ProgramBuilder, type Weight, type Wire } from '../../graph/graph.ts'
import { type ArgmaxSpec, argmax } from '../../ops/argmax/relation.ts'
import { type AttentionSpec, attention } from '../../ops/attention/relation.ts'
import { type EmbedSpec, embed } from '../../ops/embed/relation.ts'
import { type LinearSpec, linear } from '../../ops/linear/relation.ts'
import { type NormSpec, norm } from '../../ops/norm/relation.ts'
import { type ProductSpec, product } from '../../ops/product/relation.ts'
import type { Node } from '../../ops/registry.ts'
import { relu } from '../../ops/relu/relation.ts'
import { type RopeSpec, rope } from '../../ops/rope/relation.ts'
import { sum } from '../../ops/sum/relation.ts'
import { table } from '../../ops/table/relation.ts'
import type { TableKind } from '../../tables/tables.ts'

/** What a node's output scale is chosen for. */
export type Unscaled =
  | { readonly op: 'linear'; readonly spec: Omit<LinearSpec, 'scale'> }
  | { readonly op: 'norm'; readonly spec: Omit<NormSpec, 'scale'> }
  | { readonly op: 'product'; readonly spec: Omit<ProductSpec, 'scale'> }
  | { readonly op: 'attention'; readonly spec: Omit<AttentionSpec, 'scoreScale'> }
  | {
      readonly op: 'table'
      readonly spec: { readonly name: string; readonly kind: TableKind; readonly x: Wire }
    }

/** Chooses scales while the graph is executed node by node. */
export interface Calibrator {
  weight(name: string, shape: readonly number[], most: number): number
  output(node: Unscaled): number
  ran(node: Node): void
}

export interface Bits {
  readonly residualBits: number
  readonly activationBits: number
}

export class ModelBuilder {
  readonly program = new ProgramBuilder()
  readonly nodes: Node[] = []
  readonly bits: Bits
  readonly #scales: Readonly<Record<string, number>>
  readonly #calibrator: Calibrator | undefined

  constructor(bits: Bits, scales: Readonly<Record<string, number>>, calibrator?: Calibrator) {
    this.bits = bits
    this.#scales = scales
    this.#calibrator = calibrator
  }

  scale(name: string): number {
    const found = this.#scales[name]
    if (found === undefined) throw new InputError('model', `a scale for ${name}`, 'none')
    return found
  }

  #output(node: Unscaled): number {
    return this.#calibrator ? this.#calibrator.output(node) : this.scale(node.spec.name)
  }

  /** @param most the largest scale allowed (a bias cannot be finer than its accumulator) */
  weight(name: string, shape: readonly number[], most = 30): Weight {
    const scale = this.#calibrator ? this.#calibrator.weight(name, shape, most) : this.scale(name)
    return this.program.weight(name, shape, scale)
  }

  #add<N extends Node>(node: N): N {
    this.nodes.push(node)
    this.#calibrator?.ran(node)
    return node
  }

  embed(spec: Omit<EmbedSpec, 'bits' | 'scale'>): Wire {
    return this.#add(
      embed(this.program, { ...spec, scale: this.scale('residual'), bits: this.bits.residualBits }),
    ).out
  }

  /** @param residual the output joins the residual stream: its scale and bits are the stream's */
  linear(spec: Omit<LinearSpec, 'scale' | 'bits'>, residual = false): Wire {
    const bits = residual ? this.bits.residualBits : this.bits.activationBits
    const scale = residual ? this.scale('residual') : this.#output({ op: 'linear', spec: { ...spec, bits } })
    return this.#add(linear(this.program, { ...spec, bits, scale })).out
  }

  norm(spec: Omit<NormSpec, 'scale' | 'bits'>): Wire {
    const full = { ...spec, bits: this.bits.activationBits }
    return this.#add(norm(this.program, { ...full, scale: this.#output({ op: 'norm', spec: full }) })).out
  }

  rope(spec: Omit<RopeSpec, 'bits'>): Wire {
    // A rotation grows a component by at most sqrt(2).
    return this.#add(rope(this.program, { ...spec, bits: this.bits.activationBits })).out
  }

  attention(spec: Omit<AttentionSpec, 'scoreScale'>): Wire {
    return this.#add(
      attention(this.program, { ...spec, scoreScale: this.#output({ op: 'attention', spec }) }),
    ).out
  }

  table(name: string, kind: TableKind, x: Wire): Wire {
    const spec = { name, kind, x }
    return this.#add(table(this.program, { ...spec, scale: this.#output({ op: 'table', spec }) })).out
  }

  relu(name: string, group: string, x: Wire): Wire {
    return this.#add(relu(this.program, { name, group, x })).out
  }

  product(spec: Omit<ProductSpec, 'scale' | 'bits'>): Wire {
    const full = { ...spec, bits: this.bits.activationBits }
    return this.#add(product(this.program, { ...full, scale: this.#output({ op: 'product', spec: full }) }))
      .out
  }

  sum(name: string, a: Wire, b: Wire): Wire {
    return this.#add(sum(name, a, b)).out
  }

  argmax(spec: ArgmaxSpec): void {
    this.#add(argmax(this.program, spec))
  }
}
