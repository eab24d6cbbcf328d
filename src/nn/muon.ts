/**
 * Muon: moves a matrix by its momentum made orthogonal, so that all directions of the matrix learn at one pace (Jordan et
 * al., "Muon: An optimizer for hidden layers in neural networks", 2024).
 */
import { firstMoment, next, rateInput } from './adam.ts'
import * as G from './graph.ts'
import type { Node } from './graph.ts'

/** Coefficients of the quintic `a x + b x^3 + c x^5` that draws singular values towards 1, and how often it is applied. */
const [A, B, C] = [3.4445, -4.775, 2.0315]
const ROUNDS = 5

/**
 * `U V^T` of each `U S V^T`, nearly: singular values that are not far smaller than the largest end in about [0.7, 1.2].
 * @param m matrices `[n, rows, columns]`
 */
export function orthogonal(m: Node): Node {
  const [, rows, columns] = m.shape as [number, number, number]
  // The products below are of the shorter side.
  if (rows > columns) return G.transpose(orthogonal(G.transpose(m, [0, 2, 1])), [0, 2, 1])
  const length = G.sqrt(G.sum(G.mul(m, m), [1, 2]))
  let x = G.div(m, G.add(length, 1e-12))
  for (let i = 0; i < ROUNDS; i++) {
    const gram = G.matmul(x, x, false, true)
    const polynomial = G.add(G.mul(gram, B), G.mul(G.matmul(gram, gram), C))
    x = G.add(G.mul(x, A), G.matmul(polynomial, x))
  }
  return x
}

/** A part of a vector of packed parameters. */
export interface Segment {
  readonly start: number
  readonly end: number
  /** `[rows, columns]` of a matrix, which Muon moves. */
  readonly matrix?: readonly [number, number]
}

/** Root mean square of a move's entries over the rate, about what Adam's moves have. */
const MOVE = 0.2

/**
 * Replaces Adam's move by Muon's where the packed parameters hold a matrix. Adam's first moment serves as momentum.
 * @param w packed parameters `[n]`, the input `name`
 * @param adam the outputs of `adamStep`
 * @param segments of all entries, in order
 * @returns the next parameters `[n]`
 */
export function muonStep(
  w: Node,
  name: string,
  adam: Readonly<Record<string, Node>>,
  segments: readonly Segment[],
): Node {
  const [byAdam, momentum] = [adam[next(name)]!, adam[next(firstMoment(name))]!]
  const moved = segments.map(({ start, end }) => G.slice(byAdam, 0, start, end))
  // Matrices of one shape are one stack: few large operations in place of many small ones.
  const stacks = new Map<string, number[]>()
  segments.forEach(({ matrix }, i) => {
    if (matrix) stacks.set(matrix.join(), [...(stacks.get(matrix.join()) ?? []), i])
  })
  for (const members of stacks.values()) {
    const [rows, columns] = segments[members[0]!]!.matrix!
    const parts = members.map(i => {
      const { start, end } = segments[i]!
      return G.reshape(G.slice(momentum, 0, start, end), [1, rows, columns])
    })
    const directions = orthogonal(G.concat(parts, 0))
    // An orthogonal matrix has entries of mean square 1 / max(rows, columns).
    const moves = G.mul(directions, G.mul(rateInput(), MOVE * Math.sqrt(Math.max(rows, columns))))
    members.forEach((i, at) => {
      const { start, end } = segments[i]!
      moved[i] = G.sub(G.slice(w, 0, start, end), G.reshape(G.slice(moves, 0, at, at + 1), [end - start]))
    })
  }
  return G.concat(moved, 0)
}
