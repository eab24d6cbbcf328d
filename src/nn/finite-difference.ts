/** A gradient oracle for tests: central differences of a graph's value, weighted by fixed random numbers. */
import { gradients } from './reverse.ts'
import { constant, input, mul, type Node, reshape, sum } from './graph.ts'
import type { Shape } from './op.ts'
import { normal, seeded } from './random.ts'
import { evaluate, openSession } from './session.ts'
import { sizeOf } from './shape.ts'

export interface GradientCase {
  /** Shapes of the float arguments. */
  readonly shapes: readonly Shape[]
  readonly build: (...args: Node[]) => Node
  /** Where the arguments are drawn from: all reals, reals above 0.5, or reals at least 0.3 away from 0. */
  readonly domain?: 'real' | 'positive' | 'awayFromZero'
}

const STEP = 1 / 64

const domains = {
  real: (v: number) => v,
  positive: (v: number) => 0.5 + Math.abs(v),
  awayFromZero: (v: number) => v + 0.3 * Math.sign(v),
}

/**
 * Largest difference between a gradient entry and its finite difference, over all arguments. The formula has error
 * O(step^4), so that float32 noise of about 1e-5 dominates.
 */
export async function gradientError(
  { shapes, build, domain = 'real' }: GradientCase,
  seed = 1,
): Promise<number> {
  const random = seeded(seed)
  const data = shapes.map(s =>
    Float32Array.from({ length: sizeOf(s) }, () => domains[domain](normal(random))),
  )
  const feed = (values: readonly Float32Array[]) => Object.fromEntries(values.map((v, i) => [`x${i}`, v]))
  const args = shapes.map((s, i) => input(`x${i}`, s))
  const y = build(...args)
  const weights = Float32Array.from({ length: sizeOf(y.shape) }, () => normal(random))
  const loss = reshape(sum(reshape(mul(y, constant(weights, y.shape)), [-1]), [0]), [])
  const outputs = Object.fromEntries(gradients(loss, args).map((g, i) => [`g${i}`, g]))
  const exact = await evaluate(outputs, feed(data))
  const session = await openSession({ y })
  const at = async (i: number, j: number, shift: number): Promise<number> => {
    const moved = data.map((d, k) => (k === i ? d.map((v, n) => (n === j ? v + shift : v)) : d))
    const values = (await session.run(feed(moved))).y
    // In double precision: the sum must not cost more than the graph itself.
    return values.reduce((total, v, n) => total + v * weights[n]!, 0)
  }
  let worst = 0
  for (const [i, values] of data.entries()) {
    for (const j of values.keys()) {
      const near = (await at(i, j, STEP)) - (await at(i, j, -STEP))
      const far = (await at(i, j, 2 * STEP)) - (await at(i, j, -2 * STEP))
      const slope = (8 * near - far) / (12 * STEP)
      worst = Math.max(worst, Math.abs(slope - exact[`g${i}`]![j]!))
    }
  }
  await session.release()
  return worst
}
