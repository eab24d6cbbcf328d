/** The named weights of a model as graph inputs. */
import { InputError } from '../../errors.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { input, type Node } from '../../nn/graph.ts'
import type { Shape } from '../../nn/op.ts'
import { sameShape } from '../../nn/shape.ts'

/** What Hugging Face files put before the names of the bare transformer; base checkpoints leave it out. */
const STEMS = ['model.decoder.', 'decoder.', 'model.', 'transformer.', '']

export class Weights {
  /** The weights used so far, under their full names. */
  readonly used = new Map<string, Node>()
  private readonly shapes: ReadonlyMap<string, Shape>
  private readonly stem: string

  /** @param anchor a weight every checkpoint of the family has, by its bare name; it tells the stem */
  constructor(shapes: ReadonlyMap<string, Shape>, anchor: string) {
    const stem = STEMS.find(s => shapes.has(s + anchor))
    if (stem === undefined) throw new InputError('weights', `a tensor named ${anchor}`, 'none')
    this.shapes = shapes
    this.stem = stem
  }

  /** @param name without stem */
  get(name: string, shape: Shape): Node {
    return this.full(this.stem + name, shape)
  }

  /** @param name complete, as `lm_head.weight` */
  full(name: string, shape: Shape): Node {
    const known = this.used.get(name)
    if (known) return known
    const got = this.shapes.get(name)
    if (!got || !sameShape(got, shape))
      throw new InputError(name, `shape [${shape}]`, got ? `[${got}]` : 'nothing')
    const node = input(name, shape)
    this.used.set(name, node)
    return node
  }
}

export const shapesOf = (weights: ReadonlyMap<string, FloatTensor>): Map<string, Shape> =>
  new Map([...weights].map(([name, t]) => [name, t.shape]))
