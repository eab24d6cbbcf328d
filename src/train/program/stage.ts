/**
 * The relations of one stage over a whole window (spec/training.md, section 5). Relations of equal stages share a
 * group, hence one sumcheck: three contractions serve the whole network, however deep.
 *
 * Axes: t, i step and example; o, p output unit and position; c, k input channel and tap; q input pixel; s, b, y the
 * step, example and position that a gradient is summed over; v a state.
 */
import { entry, type ProgramBuilder } from '../../graph/graph.ts'
import { limbEntries, rescaleRelation } from '../../ops/rescale/relation.ts'
import type { Entry, Factor, Mix, Pins, Product } from '../../program/program.ts'
import { type ForwardFrame, isUnrolled, type StageFrame } from './frame.ts'
import type { Split, StageState } from './state.ts'

const tensor = (entries: readonly Entry[], mix?: Mix): Factor =>
  mix ? { kind: 'tensor', entries, mix } : { kind: 'tensor', entries }

const sizesOf = ({ stage, config, steps }: ForwardFrame): Record<string, number> => ({
  t: steps,
  i: config.batch,
  o: stage.units,
  p: stage.positions,
  c: stage.inChannels,
  k: stage.taps,
  q: stage.inPositions,
  s: steps,
  b: config.batch,
  y: stage.positions,
})

/** Stages of one key have relations of one form. */
const keyOf = ({ stage, states, input }: ForwardFrame): string =>
  `${stage.units}x${stage.inChannels}x${stage.taps}x${stage.positions}${isUnrolled(states) ? ' unrolled' : ''}${input.gather ? ` ${stage.name}` : ''}`

const inputUnit = (f: ForwardFrame): bigint => 1n << BigInt(f.stage.inputScale)

/** 2^lowBits hi + lo, times a scale. */
const joined = (x: Split, axes: readonly string[], scale: bigint, pins: Pins = {}): Entry[] => [
  entry(x.hi, axes, scale << BigInt(x.lowBits), pins),
  entry(x.lo, axes, scale, pins),
]

const weightOf = (state: StageState): Split => state.weight
const biasOf = (state: StageState): Split => state.bias

/** The committed states before each step, each at its place of axis t. */
const committed = (
  f: ForwardFrame,
  part: (state: StageState) => Split,
  axes: readonly string[],
  scale = 1n,
): Entry[] => {
  const before = f.states.slice(0, -1)
  return before.flatMap((state, t) => {
    const own = part(state as StageState)
    if (f.rounded) return [entry(own.hi, axes, scale)]
    return joined(own, axes, scale, before.length > 1 ? { t } : {})
  })
}

/** What a stage reads at a step, example and position; `tap` names the pixels of an input that is not gathered. */
const inputs = ({ input }: ForwardFrame, t: string, i: string, p: string, tap = 'k'): Entry[] => [
  entry(input.tensor, input.gather ? [t, i, p, 'c', 'k'] : [t, i, 'c', tap]),
]

/**
 * The products of some factors with W_t: through the committed states, or through the window's first one and the
 * steps since (spec/training.md, section 3).
 * @param others factors that carry t; with a mix they carry s in its stead
 * @param past gradient and input of step s
 */
const withWeights = (
  f: ForwardFrame,
  axes: readonly string[],
  others: (mix?: Mix) => readonly Factor[],
  past: () => readonly Factor[],
): Product[] => {
  const { states, optimiser, stage } = f
  if (!isUnrolled(states) || !optimiser)
    return [{ coef: 1n, factors: [...others(), tensor(committed(f, weightOf, axes))] }]
  const { weight, weightVelocity } = states[0] as StageState
  const products: Product[] = [{ coef: 1n, factors: [...others(), tensor(joined(weight, axes, 1n))] }]
  if (optimiser.lost) {
    const coef = -(1n << BigInt(stage.lowBits - stage.decayBits))
    const lost: Factor = { kind: 'public', tensor: optimiser.lost, axes: ['t'] }
    products.push({ coef, factors: [lost, ...others(), tensor([entry(weight.hi, axes)])] })
  }
  if (optimiser.velocity && weightVelocity) {
    const velocity: Factor = { kind: 'public', tensor: optimiser.velocity, axes: ['t'] }
    products.push({ coef: -1n, factors: [velocity, ...others(), tensor([entry(weightVelocity.hi, axes)])] })
  }
  products.push({
    coef: -1n,
    factors: [...others({ matrix: optimiser.history, from: 't', to: 's' }), ...past()],
  })
  return products
}

/** 2^inputScale bias_t. */
const biasTerms = (f: ForwardFrame): { linear: Entry[]; products: Product[] } => {
  const { states, optimiser, gradient, stage } = f
  const unit = inputUnit(f)
  if (!isUnrolled(states) || !optimiser || !gradient)
    return { linear: committed(f, biasOf, ['o'], unit), products: [] }
  const { bias, biasVelocity } = states[0] as StageState
  const products: Product[] = []
  if (optimiser.lost) {
    const lost: Factor = { kind: 'public', tensor: optimiser.lost, axes: ['t'] }
    products.push({
      coef: -(unit << BigInt(stage.lowBits - stage.decayBits)),
      factors: [lost, tensor([entry(bias.hi, ['o'])])],
    })
  }
  if (optimiser.velocity && biasVelocity) {
    const velocity: Factor = { kind: 'public', tensor: optimiser.velocity, axes: ['t'] }
    products.push({ coef: -unit, factors: [velocity, tensor([entry(biasVelocity.hi, ['o'])])] })
  }
  const history: Factor = { kind: 'public', tensor: optimiser.history, axes: ['t', 's'] }
  products.push({ coef: -unit * unit, factors: [history, tensor(gradient(['s', 'b', 'o', 'y']))] })
  return { linear: joined(bias, ['o'], unit), products }
}

/** u W_t + 2^inputScale bias_t = 2^shift z + r - 2^(shift-1), with z = m - 2^q b where zkReLU follows. */
export const relateForward = (b: ProgramBuilder, f: ForwardFrame): void => {
  const { stage, hidden, z, remainder } = f
  const out = ['t', 'i', 'o', 'p']
  const shift = BigInt(stage.shift)
  const value = hidden
    ? [
        ...limbEntries(hidden.magnitude, out, -(1n << shift)),
        entry(hidden.sign, out, 1n << (shift + BigInt(hidden.magnitude.bits))),
      ]
    : z
      ? [entry(z.tensor, out, -(1n << shift))]
      : []
  const bias = biasTerms(f)
  const past = () => [
    tensor(inputs(f, 's', 'b', 'y')),
    ...(f.gradient ? [tensor(f.gradient(['s', 'b', 'o', 'y']))] : []),
  ]
  b.relate({
    name: `${stage.name}:forward`,
    group: `forward ${keyOf(f)}`,
    sizes: sizesOf(f),
    out,
    linear: [...bias.linear, ...value, ...(remainder ? limbEntries(remainder, out, -1n) : [])],
    constants: stage.shift > 0 ? [{ value: 1n << (shift - 1n), pins: {} }] : [],
    products: [
      ...withWeights(f, ['o', 'c', 'k'], mix => [tensor(inputs(f, 't', 'i', 'p'), mix)], past),
      ...bias.products,
    ],
  })
}

const UNITS = ['t', 'i', 'o', 'p']

/** A relation on every unit of a stage. */
const onUnits = ({ stage, config, steps }: ForwardFrame, what: string) => ({
  name: `${stage.name}:${what}`,
  group: `${what} ${stage.units}x${stage.positions}`,
  sizes: { t: steps, i: config.batch, o: stage.units, p: stage.positions },
  out: UNITS,
})

/** zkReLU: b^2 = b, a = (1 - b) m. */
export const relateRelu = (b: ProgramBuilder, f: ForwardFrame): void => {
  const { hidden } = f
  if (!hidden) return
  const axes = UNITS
  const bit = tensor([entry(hidden.sign, axes)])
  b.relate({
    ...onUnits(f, 'bit'),
    linear: [entry(hidden.sign, axes, -1n)],
    products: [{ coef: 1n, factors: [bit, bit] }],
  })
  b.relate({
    ...onUnits(f, 'relu'),
    linear: [...limbEntries(hidden.magnitude, axes), entry(hidden.a, axes, -1n)],
    products: [{ coef: -1n, factors: [bit, tensor(limbEntries(hidden.magnitude, axes))] }],
  })
}

/** The same b gates the gradient: gz = (1 - b) g. */
export const relateGate = (b: ProgramBuilder, f: StageFrame): void => {
  const { hidden } = f
  if (!hidden) return
  const g = hidden.g.y.tensor
  b.relate({
    ...onUnits(f, 'gate'),
    linear: [entry(g, UNITS), entry(hidden.gz, UNITS, -1n)],
    products: [{ coef: -1n, factors: [tensor([entry(hidden.sign, UNITS)]), tensor([entry(g, UNITS)])] }],
  })
}

/** The gradient of this stage's input, rescaled: g of the stage before. */
export const relateBackward = (b: ProgramBuilder, f: StageFrame, before: StageFrame): void => {
  const { stage, input } = f
  if (!before.hidden) return
  const out = ['t', 'i', 'c', 'q']
  const own = (mix?: Mix): Factor => tensor(f.gradient(['t', 'i', 'o', 'p']), mix)
  const gather: Factor[] = input.gather
    ? [{ kind: 'public', tensor: input.gather, axes: ['p', 'k', 'q'] }]
    : []
  const past = () => [tensor(f.gradient(['s', 'b', 'o', 'y'])), tensor(inputs(f, 's', 'b', 'y', 'q'))]
  rescaleRelation(
    b,
    { name: `${stage.name}:backward`, group: `backward ${keyOf(f)}`, sizes: sizesOf(f), out, axes: out },
    before.hidden.g,
    { products: withWeights(f, ['o', 'c', input.gather ? 'k' : 'q'], mix => [...gather, own(mix)], past) },
  )
}

/** The states that the window's gradients lead to. */
export const relateUpdate = (b: ProgramBuilder, f: StageFrame): void => {
  const { stage, states, coefficients: c, optimiser } = f
  const first = states[0] as StageState
  const targets = states.flatMap((state, t) => (t > 0 && state ? [t] : []))
  const rows: Factor = { kind: 'public', tensor: optimiser.rows(targets), axes: ['v', 's'] }
  const gradient = tensor(f.gradient(['s', 'b', 'o', 'y']))
  const update = (
    what: string,
    part: (state: StageState) => Split,
    velocity: Split | undefined,
    axes: string[],
    factors: Factor[],
    unit: bigint,
  ): void => {
    const own = part(first)
    b.relate({
      name: `${stage.name}:${what}`,
      group: `${what} ${keyOf(f)}`,
      sizes: { ...sizesOf(f), v: targets.length },
      out: ['v', ...axes],
      linear: [
        entry(own.lo, axes),
        ...targets.flatMap((t, v) => [
          entry(own.hi, axes, BigInt(c.decay[t] ?? 0), { v }),
          ...(velocity && c.velocity[t]
            ? [entry(velocity.hi, axes, -BigInt(c.velocity[t] ?? 0), { v })]
            : []),
          ...joined(part(states[t] as StageState), axes, -1n, { v }),
        ]),
      ],
      products: [{ coef: -unit, factors: [rows, gradient, ...factors] }],
    })
  }
  const history = tensor(inputs(f, 's', 'b', 'y'))
  update('update', weightOf, first.weightVelocity, ['o', 'c', 'k'], [history], 1n)
  update('bias', biasOf, first.biasVelocity, ['o'], [], inputUnit(f))
  const last = states.at(-1) as StageState
  const velocity = (
    what: string,
    from: Split | undefined,
    to: Split | undefined,
    axes: string[],
    factors: Factor[],
    unit: bigint,
  ): void => {
    if (!from || !to) return
    const weights: Factor = { kind: 'public', tensor: optimiser.velocityGradient, axes: ['s'] }
    b.relate({
      name: `${stage.name}:${what}`,
      group: `${what} ${keyOf(f)}`,
      sizes: sizesOf(f),
      out: axes,
      linear: [
        ...(c.velocityDecay === 0 ? [] : [entry(from.hi, axes, BigInt(c.velocityDecay))]),
        entry(from.lo, axes),
        ...joined(to, axes, -1n),
      ],
      products: [{ coef: unit, factors: [weights, gradient, ...factors] }],
    })
  }
  velocity('velocity', first.weightVelocity, last.weightVelocity, ['o', 'c', 'k'], [history], 1n)
  velocity('bias velocity', first.biasVelocity, last.biasVelocity, ['o'], [], inputUnit(f))
}

/** The gathered input of a stage: u[p, c, k] = sum_q S[p, k, q] a[c, q]. */
export const relateGather = (b: ProgramBuilder, f: ForwardFrame, source: Entry): void => {
  const { stage, input } = f
  if (!input.gather) return
  const out = ['t', 'i', 'p', 'c', 'k']
  b.relate({
    name: `${stage.name}:gather`,
    group: `gather ${stage.name}`,
    sizes: sizesOf(f),
    out,
    linear: [entry(input.tensor, out, -1n)],
    products: [
      {
        coef: 1n,
        factors: [{ kind: 'public', tensor: input.gather, axes: ['p', 'k', 'q'] }, tensor([source])],
      },
    ],
  })
}
