/** The one linear claim that an opening proves: <form, stacks> = value. */
import { InternalError } from '../errors.ts'
import { type K, K_ZERO, kAdd, kMul } from '../field/goldilocks.ts'
import { eqWeights, expandWeights, indexWeights, weightsAt } from '../poly/multilinear.ts'
import { type Form, formAt, ofCommitment } from '../program/form.ts'
import type { Layout } from '../program/layout.ts'
import type { CommitmentName, Tensor } from '../program/program.ts'
import type { Geometry } from './geometry.ts'

/** Arbitrary coefficients on a whole tensor of one axis. */
export interface DenseTerm {
  readonly tensor: Tensor
  readonly coefficients: readonly K[]
}

/** coef * the multilinear extension of a whole stack (rows, then columns) at a point. */
export interface StackTerm {
  readonly commitment: CommitmentName
  readonly coef: K
  readonly point: readonly K[]
}

export interface OpeningClaim {
  readonly form: Form
  readonly dense: readonly DenseTerm[]
  readonly stacks: readonly StackTerm[]
  readonly value: K
}

export type Layouts = Readonly<Partial<Record<CommitmentName, Layout>>> & { readonly weights: Layout; readonly witness: Layout }

/** Coefficients of a dense term on one block, in the block's own order. */
export const denseBlock = (term: DenseTerm, start: number, bits: number): readonly K[] =>
  term.coefficients.slice(start, start + 2 ** bits)

/** First entry of a commitment's stack in the virtual matrix. */
export const stackBase = (g: Geometry, name: CommitmentName): number =>
  (g.parts.find(part => part.name === name)?.base ?? 0) * 2 ** g.shape.logRow

export const layoutOf = (layouts: Layouts, name: CommitmentName): Layout => {
  const found = layouts[name]
  if (!found) throw new InternalError(`no layout of the ${name} commitment`)
  return found
}

/** The extension of the claim's coefficient vector over the virtual matrix at a point. */
export const claimAt = (claim: OpeningClaim, layouts: Layouts, g: Geometry, point: readonly K[]): K => {
  let out = K_ZERO
  for (const { name } of g.parts) {
    const layout = shiftLayout(layoutOf(layouts, name), stackBase(g, name))
    out = kAdd(out, formAt(ofCommitment(claim.form, name), layout, point))
    for (const term of claim.dense.filter(d => d.tensor.commitment === name)) {
      for (const block of layout.blocks[term.tensor.id] ?? []) {
        const high = point.length - block.bits
        const prefix = weightsAt(indexWeights(block.offset / 2 ** block.bits, high), point.slice(0, high))
        const low = expandWeights(eqWeights(point.slice(high)))
        const part = denseBlock(term, block.pieces[0]?.start ?? 0, block.bits)
        const value = part.reduce((s, c, i) => kAdd(s, kMul(c, low[i] ?? K_ZERO)), K_ZERO)
        out = kAdd(out, kMul(prefix, value))
      }
    }
  }
  for (const { commitment, coef, point: at } of claim.stacks) {
    out = kAdd(out, kMul(coef, stackTermAt(at, stackBase(g, commitment), point)))
  }
  return out
}

/** eq(at, low bits of point) * [high bits of point name the stack's base]. */
const stackTermAt = (at: readonly K[], base: number, point: readonly K[]): K => {
  const high = point.length - at.length
  const prefix = weightsAt(indexWeights(base / 2 ** at.length, high), point.slice(0, high))
  return kMul(prefix, weightsAt(eqWeights(at), point.slice(high)))
}

export const shiftLayout = (layout: Layout, base: number): Layout => ({
  length: layout.length,
  blocks: layout.blocks.map(blocks => blocks.map(b => ({ ...b, offset: b.offset + base }))),
})
