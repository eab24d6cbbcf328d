/** Everything about a proof that follows from public data: plans, pads, layouts, geometry, proofs of work. */
import { checkShape, type Geometry, planGeometry, type Shapes } from '../commit/geometry.ts'
import type { Layouts } from '../commit/claim.ts'
import { type LookupPlan, planLookups } from '../lookup/plan.ts'
import { verifyLookups } from '../lookup/verify.ts'
import { layoutTensors } from '../program/layout.ts'
import { type Program, STORED, type Tensor } from '../program/program.ts'
import { InternalError } from '../errors.ts'
import { validateProgram } from '../program/validate.ts'
import { type Plan, planRelations } from '../sumcheck/plan.ts'
import { verifyRelations } from '../sumcheck/verify.ts'
import { type PadProduct, VerifierChannel } from '../zk/channel.ts'
import { type ProductPads, productPads } from '../zk/products.ts'
import { type Soundness, soundness } from './soundness.ts'

export interface Setup {
  readonly program: Program
  readonly plan: Plan
  readonly lookups: LookupPlan
  readonly products: readonly PadProduct[]
  readonly extra: ProductPads
  /** The witness tensor that holds the pads: entries 2i, 2i + 1 are pad i. */
  readonly pads: Tensor
  readonly layouts: Layouts
  readonly geometry: Geometry
  readonly soundness: Soundness
}

/** The masked part of the protocol, one text for counting, deriving and verifying. */
export const runMasked = (channel: VerifierChannel, program: Program, plan: Plan, lookups: LookupPlan): void => {
  verifyLookups(channel, program, lookups)
  verifyRelations(channel, plan)
}

/**
 * @throws InputError when a commitment's shape does not fit the program's tensors
 * @throws InternalError when the program is malformed or no parameters reach the target security
 */
export const setUp = (program: Program, shapes: Shapes): Setup => {
  validateProgram(program)
  const plan = planRelations(program)
  const lookups = planLookups(program)
  const channel = new VerifierChannel()
  runMasked(channel, program, plan, lookups)
  const extra = productPads(channel.pads, channel.products.length)
  const pads: Tensor = { id: program.witness.length, name: 'pads', commitment: 'witness', shape: [2 * extra.total] }
  const stored = STORED.flatMap(name => {
    const shape = shapes[name]
    const tensors = program[name]
    if ((shape === undefined) !== (tensors === undefined)) throw new InternalError(`the program and the shapes differ on ${name}`)
    if (!shape || !tensors) return []
    const layout = layoutTensors(tensors)
    checkShape(shape, layout.length)
    return [[name, layout] as const]
  })
  const layouts = { ...Object.fromEntries(stored), witness: layoutTensors([...program.witness, pads]) } as unknown as Layouts
  const maxBlock = layouts.witness.blocks.reduce((m, blocks) => blocks.reduce((n, b) => Math.max(n, b.bits), m), 0)
  const geometry = planGeometry(shapes, layouts.witness.length, maxBlock)
  return {
    program,
    plan,
    lookups,
    products: channel.products,
    extra,
    pads,
    layouts,
    geometry,
    soundness: soundness({ plan, lookups, geometry, products: channel.products.length, assertions: channel.assertions.length + 3 + stored.length }),
  }
}
