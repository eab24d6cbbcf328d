/** The parameters of a network: declared where they are used, as inputs of its graph, with the law of their first values. */
import type { FloatTensor } from '../../import/tensor.ts'
import { input, type Node } from '../../nn/graph.ts'
import type { Shape } from '../../nn/op.ts'
import { normal, seeded } from '../../nn/random.ts'
import { sizeOf } from '../../nn/shape.ts'

/** First values: normal with this deviation, or all equal. */
export type Initial = { readonly deviation: number } | { readonly value: number }

export class Parameters {
  readonly nodes = new Map<string, Node>()
  private readonly initials = new Map<string, Initial>()
  private readonly source: (name: string, shape: Shape) => Node

  /** @param source the node that holds a parameter; an input of its name unless told otherwise */
  constructor(source: (name: string, shape: Shape) => Node = input) {
    this.source = source
  }

  declare(name: string, shape: Shape, initial: Initial): Node {
    const node = this.source(name, shape)
    this.nodes.set(name, node)
    this.initials.set(name, initial)
    return node
  }

  /**
   * Kernels `[o, c, k, k]`, normal with deviation `gain / sqrt(c k k)`, and a bias `[o]`.
   * @param gain sqrt(2) keeps the size of values through a ReLU; less makes a residual branch start small
   */
  kernels(
    name: string,
    o: number,
    c: number,
    k: number,
    gain = Math.SQRT2,
    bias = 0,
  ): { weight: Node; bias: Node } {
    return {
      weight: this.declare(`${name}.weight`, [o, c, k, k], { deviation: gain / Math.sqrt(c * k * k) }),
      bias: this.declare(`${name}.bias`, [o], { value: bias }),
    }
  }

  /** A matrix `[o, c]` with deviation `gain / sqrt(c)`. */
  weights(name: string, o: number, c: number, gain = 1): Node {
    return this.declare(name, [o, c], { deviation: gain / Math.sqrt(c) })
  }

  /** The same with a zero bias `[o]`. */
  matrix(name: string, o: number, c: number, gain = 1): { weight: Node; bias: Node } {
    return {
      weight: this.weights(`${name}.weight`, o, c, gain),
      bias: this.declare(`${name}.bias`, [o], { value: 0 }),
    }
  }

  /** Entries in all. */
  get count(): number {
    return [...this.nodes.values()].reduce((n, node) => n + sizeOf(node.shape), 0)
  }

  /** The entries of all parameters in the order of their declaration. @param prefix before each name in `tensors` */
  pack(tensors: ReadonlyMap<string, FloatTensor>, prefix = ''): Float32Array {
    const out = new Float32Array(this.count)
    let at = 0
    for (const name of this.nodes.keys()) {
      const { data } = tensors.get(prefix + name)!
      out.set(data, at)
      at += data.length
    }
    return out
  }

  /** Inverse of `pack`; copies. */
  unpack(packed: Float32Array, prefix = ''): Map<string, FloatTensor> {
    let at = 0
    return new Map(
      [...this.nodes].map(([name, { shape }]) => {
        const data = packed.slice(at, at + sizeOf(shape))
        at += data.length
        return [prefix + name, { shape: [...shape], data }]
      }),
    )
  }

  /** @returns first values, equal for equal seeds */
  draw(seed: number): Map<string, FloatTensor> {
    const random = seeded(seed)
    return new Map(
      [...this.nodes].map(([name, { shape }]) => {
        const initial = this.initials.get(name)!
        const next = 'value' in initial ? () => initial.value : () => initial.deviation * normal(random)
        return [name, { shape: [...shape], data: Float32Array.from({ length: sizeOf(shape) }, next) }]
      }),
    )
  }
}
