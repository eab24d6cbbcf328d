/**
 * zkReLU: x = m - 2^15 b with m in [0, 2^15) by lookup and b^2 = b; y = (1 - b) m. The sign bit b and magnitude m
 * serve the activation here, and the gradient's gate (1 - b) in training (zkDL, section 4).
 */
import type { Tensor } from '../../program/program.ts'
import { entries, entry, type ProgramBuilder, type Wire, wireOf } from '../../graph/graph.ts'
import { type Limbs, limbEntries, limbs } from '../rescale/relation.ts'

export const RELU_BITS = 15

export interface ReluSpec {
  readonly name: string
  readonly group: string
  /** [tokens, width] of 16 bits. */
  readonly x: Wire
}

export interface ReluNode extends ReluSpec {
  readonly op: 'relu'
  readonly magnitude: Limbs
  readonly sign: Tensor
  readonly y: Tensor
  readonly out: Wire
}

export const relu = (b: ProgramBuilder, spec: ReluSpec): ReluNode => {
  const { name, group, x } = spec
  const axes = ['tok', 'f']
  const sizes = { tok: x.shape[0] ?? 1, f: x.shape[1] ?? 1 }
  const magnitude = limbs(b, `${name}.magnitude`, x.shape, RELU_BITS)
  const sign = b.tensor(`${name}.sign`, x.shape)
  const y = b.tensor(name, x.shape)
  const bit = { kind: 'tensor', entries: [entry(sign, axes)] } as const
  b.relate({
    name: `${name}:decompose`,
    group: `${group}:decompose`,
    sizes,
    out: axes,
    linear: [
      ...entries(x, axes),
      ...limbEntries(magnitude, axes, -1n),
      entry(sign, axes, 1n << BigInt(RELU_BITS)),
    ],
  })
  b.relate({
    name: `${name}:bit`,
    group: `${group}:bit`,
    sizes,
    out: axes,
    linear: [entry(sign, axes, -1n)],
    products: [{ coef: 1n, factors: [bit, bit] }],
  })
  b.relate({
    name: `${name}:gate`,
    group: `${group}:gate`,
    sizes,
    out: axes,
    linear: [...limbEntries(magnitude, axes), entry(y, axes, -1n)],
    products: [{ coef: -1n, factors: [bit, { kind: 'tensor', entries: limbEntries(magnitude, axes) }] }],
  })
  return { ...spec, op: 'relu', magnitude, sign, y, out: wireOf(y, x.scale, 2 ** RELU_BITS) }
}
