import { expect, test } from 'vitest'
import { checkShape, type CommitmentShape, planGeometry } from '../commit/geometry.ts'
import { codeSoundness } from '../commit/soundness.ts'
import { InputError, InternalError } from '../errors.ts'
import { entry, ProgramBuilder } from '../graph/graph.ts'
import { log2Ceil } from '../poly/multilinear.ts'
import { layoutTensors } from '../program/layout.ts'
import type { Program, PublicTensor, Relation } from '../program/program.ts'
import { validateProgram } from '../program/validate.ts'
import { planRelations } from '../sumcheck/plan.ts'
import { setUp } from './setup.ts'
import { tinyProgram } from './tiny.ts'

const SHAPE: CommitmentShape = { logRow: 9, logDomain: 12, rows: 10, tail: 200 }
const LENGTH = 10 * 512 - 3

test('a commitment has exactly the rows that its weights need', () => {
  expect(() => checkShape(SHAPE, LENGTH)).not.toThrow()
  // With fewer, weights would lie where the witness does: the prover could choose them for each proof.
  expect(() => checkShape({ ...SHAPE, rows: 9 }, LENGTH)).toThrow(/commitment.rows: expected an integer from 10 to 10/)
  expect(() => checkShape({ ...SHAPE, rows: 11 }, LENGTH)).toThrow(InputError)
  const { weights } = tinyProgram()
  expect(() => setUp(tinyProgram(), { weights: { ...SHAPE, rows: 1 + Math.ceil(layoutTensors(weights).length) } })).toThrow(/commitment.rows/)
})

test.each([
  ['logRow', 0],
  ['logRow', 27],
  ['logRow', 9.5],
  ['logRow', Number.NaN],
  ['logDomain', 9],
  ['logDomain', 33],
  ['tail', 0],
  ['tail', 513],
  ['tail', -400],
  ['tail', Number.NaN],
  ['tail', '200'],
  ['rows', Number.POSITIVE_INFINITY],
] as const)('a commitment of %s %s is refused', (name, value) => {
  expect(() => checkShape({ ...SHAPE, [name]: value } as CommitmentShape, LENGTH)).toThrow(InputError)
})

test('the code is as strong as the degree that the chain enforces, not the degree that is meant', () => {
  for (const tail of [150, 200, 300, 511]) {
    const g = planGeometry({ weights: { ...SHAPE, tail } }, 4000, 11)
    const first = g.rounds[0]
    const enforced = first ? first.rows * 2 ** first.logRow : 2 ** (SHAPE.logRow + 1)
    expect(enforced).toBeGreaterThanOrEqual(512 + tail)
    expect(g.code).toEqual(codeSoundness(enforced, SHAPE.logDomain))
  }
})

test('log2Ceil beyond 32 bits', () => {
  for (const bits of [1, 31, 32, 33, 40, 52]) {
    expect(log2Ceil(2 ** bits)).toBe(bits)
    expect(log2Ceil(2 ** bits + 1)).toBe(bits + 1)
  }
})

const program = (change: (relation: Relation, p: Program) => Partial<Relation>): Program => {
  const p = tinyProgram()
  return { ...p, relations: p.relations.map((r, i) => (i === 0 ? { ...r, ...change(r, p) } : r)) }
}

test('a well-formed program is accepted', () => {
  expect(() => validateProgram(tinyProgram())).not.toThrow()
})

const MALFORMED: readonly [string, Program, RegExp][] = [
  ['a coefficient of zero', program(r => ({ linear: r.linear.map(e => ({ ...e, coef: 0n })) })), /non-zero coefficient/],
  ['a coefficient near the field', program(r => ({ linear: r.linear.map(e => ({ ...e, coef: 1n << 63n })) })), /below 2\^62/],
  ['an index outside its axis', program((_, p) => ({ linear: [entry(p.weights[0]!, [{ at: 0 }, { at: 3 }])] })), /index 3 is outside/],
  ['an axis of another size', program((_, p) => ({ linear: [entry(p.witness[0]!, ['i'])] })), /axis i has size 2, the tensor 3/],
  ['too few axes', program((_, p) => ({ linear: [entry(p.weights[0]!, ['i'])] })), /expected 2 axes/],
  ['an axis named twice', program((_, p) => ({ sizes: { i: 2, j: 2, k: 3 }, linear: [entry(p.witness[0]!, ['k'], 1n, { k: 0 })], products: [] })), /cannot be pinned|appears twice/],
  ['a pin outside its axis', program((_, p) => ({ linear: [entry(p.witness[0]!, ['j'], 1n, { i: 2 })] })), /index 2 is outside axis i/],
  ['a pin on a summed axis', program((_, p) => ({ linear: [entry(p.witness[4]!, ['k'], 1n, { j: 0 })] })), /cannot be pinned/],
  ['a product of nothing', program(() => ({ products: [{ coef: 1n, factors: [] }] })), /a product of 0 factors/],
  ['a lookup of too few columns', { ...tinyProgram(), lookups: tinyProgram().lookups.map(l => ({ ...l, table: 1 })) }, /expected 2 columns, got 1|not a witness/],
  ['no multiplicities', { ...tinyProgram(), multiplicities: [] }, /committed multiplicities/],
]

test.each(MALFORMED)('%s is refused', (_, malformed, reason) => {
  expect(() => validateProgram(malformed)).toThrow(InternalError)
  expect(() => validateProgram(malformed)).toThrow(reason)
})

test('relations are stacked only if their public factors are the same', () => {
  const constant = (value: number): PublicTensor => ({
    name: 'constant', shape: [2], values: () => Int32Array.of(value, value), evaluate: () => [BigInt(value), 0n],
  })
  const one = constant(1)
  const build = (second: PublicTensor): Program => {
    const b = new ProgramBuilder()
    const x = b.tensor('x', [2])
    for (const tensor of [one, second]) {
      b.relate({
        name: `relation ${b.relations.length}`, group: 'group', sizes: { i: 2 }, out: ['i'],
        products: [{ coef: 1n, factors: [{ kind: 'tensor', entries: [entry(x, ['i'])] }, { kind: 'public', tensor, axes: ['i'] }] }],
      })
    }
    return b.finish()
  }
  expect(() => planRelations(build(one))).not.toThrow()
  expect(() => planRelations(build(constant(2)))).toThrow(/group group: relation 1 has another constant/)
})
