/** States that the window's gradients do not lead to. Tests only. */
import type { Backend } from '../../backend/backend.ts'
import { type WindowFixture, windowFixture } from '../fixture.ts'
import type { Weights } from '../integer/stage.ts'
import { type State, split } from '../integer/state.ts'
import { type Batches, runWindow } from '../integer/window.ts'
import type { Stage } from '../network.ts'
import { isUnrolled, type StageFrame } from '../program/frame.ts'
import type { Split } from '../program/state.ts'
import { type Attack, changed, updates } from './common.ts'
import type { Cheat, Forged } from './forge.ts'

/** What no longer holds when all weights take another course: summed ones enter the passes, too. */
const everyUpdate = ({ window }: WindowFixture, ...kinds: readonly string[]): string[] =>
  window.stages.flatMap(({ stage, states }) => {
    const passes = stage.index > 0 ? ['forward', 'backward'] : ['forward']
    return updates([stage.name], ...(isUnrolled(states) ? passes : []), 'update', 'bias', ...kinds)
  })

/** Each weight and bias of a state from those of two: f(a, b). */
const combined = (stages: readonly Stage[], a: State, b: State, f: (x: number, y: number) => number): State =>
  stages.map((stage, l) => {
    const unit = 2 ** stage.lowBits
    const [p, q] = [a[l] as State[number], b[l] as State[number]]
    const mix = (hi: 'hi' | 'biasHi', lo: 'lo' | 'biasLo') =>
      split(
        Float64Array.from(p[hi], (_, i) =>
          f(
            unit * (p[hi][i] as number) + (p[lo][i] as number),
            unit * (q[hi][i] as number) + (q[lo][i] as number),
          ),
        ),
        stage.lowBits,
        stage.name,
      )
    const [weight, bias] = [mix('hi', 'lo'), mix('biasHi', 'biasLo')]
    return { ...p, ...weight, biasHi: bias.hi, biasLo: bias.lo }
  })

export const updateAttacks = (
  backend: Backend,
  mlp: WindowFixture,
  two: WindowFixture,
  stepped: WindowFixture,
  decaying: WindowFixture,
  later: WindowFixture,
): Attack[] => {
  const { network } = mlp.window
  const names = network.stages.map(s => s.name)
  const all = updates(names, 'update', 'bias')
  const on = (fixture: WindowFixture, name: string, cheat: Cheat, fires: readonly string[]): Attack => ({
    name,
    fixture,
    cheat,
    fires,
  })
  const faster = (f: WindowFixture): Cheat['config'] => ({
    ...f.spec.config,
    learningRate: { ...f.spec.config.learningRate, initial: 0.2 },
  })
  const other = windowFixture(backend, 'mlp', { steps: 1, weightSeed: 6 })
  const { spec, before } = later
  const still = before.map(s => ({
    ...s,
    velocity: s.velocity && {
      ...s.velocity,
      hi: s.velocity.hi.map(() => 0),
      biasHi: s.velocity.biasHi.map(() => 0),
    },
  }))
  const shared = (t: WindowFixture): Batches => {
    const half = t.batches.pixels.length / 2
    const rows = t.batches.labels.length / 2
    return {
      pixels: Uint8Array.from([...t.batches.pixels.slice(0, half), ...t.batches.pixels.slice(0, half)]),
      labels: Int32Array.from([...t.batches.labels.slice(0, rows), ...t.batches.labels.slice(0, rows)]),
    }
  }
  const inner = two.run.values.weights?.[0] as State
  return [
    on(mlp, 'another learning rate', { config: faster(mlp) }, all),
    on(two, 'another learning rate, in a window of two steps', { config: faster(two) }, everyUpdate(two)),
    on(
      stepped,
      'another learning rate, with weights committed at every step',
      { config: faster(stepped) },
      everyUpdate(stepped),
    ),
    on(
      mlp,
      'an update applied twice',
      { after: next => combined(network.stages, next, mlp.before, (a, b) => 2 * a - b) },
      all,
    ),
    on(mlp, 'no update', { after: () => mlp.before }, all),
    on(mlp, 'the weights of another run', { after: () => other.run.next }, all),
    on(
      mlp,
      'an update of the biases left out',
      {
        after: next =>
          next.map((s, l) => ({
            ...s,
            biasHi: mlp.before[l]?.biasHi as Int16Array,
            biasLo: mlp.before[l]?.biasLo as Int32Array,
          })),
      },
      updates(names, 'bias'),
    ),
    on(two, 'a step left out of the window', { after: () => inner }, all),
    on(two, 'the first batch twice', { batches: shared(two) }, ['batch', 'label:place']),
    on(
      decaying,
      'weight decay left out',
      { config: { ...decaying.spec.config, optimizer: { momentum: 0, weightDecay: 0 } } },
      updates(names, 'update'),
    ),
    on(
      later,
      'weight decay left out beside momentum',
      { config: { ...spec.config, optimizer: { momentum: 0.5, weightDecay: 0 } } },
      everyUpdate(later),
    ),
    on(
      later,
      'a stale velocity',
      { after: next => next.map((s, l) => ({ ...s, velocity: before[l]?.velocity })) as State },
      updates(names, 'velocity', 'bias velocity'),
    ),
    on(
      later,
      'a velocity that moves no weight',
      {
        after: () =>
          runWindow(backend, spec.config, network, still, later.batches, spec.firstStep, spec.steps).next.map(
            (s, l) => ({ ...s, velocity: later.run.next[l]?.velocity }),
          ) as State,
      },
      all,
    ),
    on(
      later,
      'another momentum',
      { config: { ...spec.config, optimizer: { ...spec.config.optimizer, momentum: 0.75 } } },
      everyUpdate(later, 'velocity', 'bias velocity'),
    ),
  ]
}

export const unrolledAttacks = (fixture: WindowFixture): Attack[] => {
  const starts = new Map<number, Float64Array>()
  /** W_0 + 2 (W_1 - W_0) in the place of W_1: the history's coefficient doubled. */
  const doubled = (l: number, t: number, w: Float64Array): Float64Array => {
    if (t === 0) starts.set(l, w.slice())
    return l === 1 && t === 1 ? w.map((v, i) => 2 * v - (starts.get(l)?.[i] as number)) : w
  }
  const biases = new Map<number, Float64Array>()
  const bias = (l: number, t: number, { weights, bias: b }: Weights): Weights => {
    if (t === 0) biases.set(l, b.slice())
    return { weights, bias: l === 1 && t === 1 ? (biases.get(l) as Float64Array) : b }
  }
  return [
    {
      name: 'another coefficient of the history, in the forward pass',
      fixture,
      cheat: { kernels: { forwardWeights: (l, t, w) => ({ ...w, weights: doubled(l, t, w.weights) }) } },
      fires: ['dense2:forward'],
    },
    {
      name: 'another coefficient of the history, in the backward pass',
      fixture,
      cheat: { kernels: { backwardWeights: doubled } },
      fires: ['dense2:backward'],
    },
    {
      name: "biases of the window's start at a later step",
      fixture,
      cheat: { kernels: { forwardWeights: bias } },
      fires: ['dense2:forward'],
    },
    {
      name: 'a weight behind the window one unit off',
      fixture,
      cheat: {
        after: next =>
          next.map((s, l) => (l === 1 ? { ...s, hi: s.hi, lo: changed(s.lo, 0, v => v ^ 1) } : s)),
      },
      fires: ['dense2:update'],
    },
  ]
}

/** One value's pair with one unit more in hi and as much less in lo. */
const movedSplit = (x: Forged, pair: Split | undefined): void => {
  const [hi, lo] = [x.ints(pair?.hi), x.ints(pair?.lo)]
  hi[0] = (hi[0] as number) + 1
  lo[0] = (lo[0] as number) - 2 ** (pair?.lowBits ?? 0)
  const high = x.fixture.window.program.witness.find(t => t.name === `${pair?.lo.name}.high`)
  if (high) x.ints(high)[0] = Math.floor(((lo[0] as number) + 2 ** ((pair?.lowBits ?? 0) - 1)) / 65536)
}

export const rangeAttacks = (
  fixture: WindowFixture,
  stepped: WindowFixture,
  later: WindowFixture,
): Attack[] => {
  const { before, window } = fixture
  const { lowBits } = window.network.stages[0] as Stage
  const hi = Int32Array.from(before[0]?.hi ?? [])
  const lo = Int32Array.from(before[0]?.lo ?? [])
  lo[0] = (lo[0] as number) - (40_000 - (hi[0] as number)) * 2 ** lowBits
  hi[0] = 40_000
  const wide = before.map((s, l) => (l === 0 ? { ...s, hi, lo } : s)) as unknown as State
  return [
    {
      name: 'initial weights beyond 16 bits',
      fixture,
      cheat: { before: wide },
      fires: ['dense1', 'dense1.lo'],
    },
    ...(
      [
        ['a split moved by one unit of hi', fixture, f => f.states[1]?.weight, 'dense1.lo'],
        ['a split of inner weights moved', stepped, f => f.states[1]?.weight, 'conv1.lo@1'],
        ["a velocity's split moved", later, f => f.states[2]?.weightVelocity, 'dense1.velocity.lo.high'],
      ] as [string, WindowFixture, (f: StageFrame) => Split | undefined, string][]
    ).map(
      ([name, of, pair, fires]): Attack => ({
        name,
        fixture: of,
        cheat: { edit: x => movedSplit(x, pair(of.window.stages[0] as StageFrame)) },
        fires: [fires],
      }),
    ),
  ]
}
