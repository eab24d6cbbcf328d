import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { portableBackend } from '../../backend/portable.ts'
import { InputError } from '../../errors.ts'
import { type TrainingConfig, trainingSchema } from '../config.ts'
import { type Network, planNetwork } from '../network.ts'
import { VELOCITY_LOW } from '../schedule.ts'
import { infer } from './evaluate.ts'
import { initialState, type State, split } from './state.ts'
import { oracle } from './testing.ts'
import { type Batches, runWindow } from './window.ts'

const relu = { kind: 'relu' }
const mlp = {
  input: { channels: 1, height: 2, width: 3 },
  classes: 3,
  layers: [{ kind: 'dense', units: 5 }, relu, { kind: 'dense', units: 4 }, relu, { kind: 'dense', units: 3 }],
}
const cnn = {
  input: { channels: 2, height: 6, width: 6 },
  classes: 3,
  layers: [
    { kind: 'conv', channels: 3, kernel: 3, padding: 1 },
    relu,
    { kind: 'averagePool', size: 2 },
    { kind: 'conv', channels: 4, kernel: 2, padding: 1, stride: 2 },
    relu,
    { kind: 'averagePool', size: 2 },
    { kind: 'dense', units: 4 },
    relu,
    { kind: 'dense', units: 3 },
  ],
}
const describeRun = (network: object, more: object = {}): TrainingConfig =>
  trainingSchema.parse({
    loss: 'softmax-cross-entropy',
    learningRate: { initial: 0.1, schedule: { kind: 'step', every: 1, factor: 0.5 } },
    batch: 2,
    window: 3,
    ...network,
    ...more,
  })

const random = (seed: number) => {
  let state = seed
  return (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}
const batches = (config: TrainingConfig, steps: number, seed = 1) => {
  const { channels, height, width } = config.input
  const next = random(seed)
  return {
    pixels: Uint8Array.from({ length: steps * config.batch * channels * height * width }, () => next(256)),
    labels: Int32Array.from({ length: steps * config.batch }, () => next(config.classes)),
  }
}
const withLow = (state: State, network: Network, seed: number): State => {
  const next = random(seed)
  const lows = (length: number, bits: number) =>
    Int32Array.from({ length }, () => next(2 ** bits) - 2 ** (bits - 1))
  return state.map((s, l) => ({
    hi: s.hi,
    lo: lows(s.lo.length, network.stages[l]!.lowBits),
    biasHi: s.biasHi.map(() => next(1000) - 500),
    biasLo: lows(s.biasLo.length, network.stages[l]!.lowBits),
    velocity: s.velocity && {
      hi: s.velocity.hi.map(() => next(20) - 10),
      lo: lows(s.lo.length, VELOCITY_LOW),
      biasHi: s.velocity.biasHi.map(() => next(20) - 10),
      biasLo: lows(s.biasLo.length, VELOCITY_LOW),
    },
  }))
}
const bigs = (x: ArrayLike<number>) => Array.from(x, v => BigInt(v))

/** Runs a window and compares every value with the oracle's. */
const compare = (config: TrainingConfig, steps = 3, first = 5, seed = 1, backend = loadBackend()): void => {
  const network = planNetwork(config)
  const state = withLow(initialState(network, config, seed), network, seed)
  const data = batches(config, steps, seed)
  const { next, values } = runWindow(backend, config, network, state, data, first, steps, { weights: true })
  const wanted = oracle(config, network, state, data.pixels, data.labels, first, steps)
  const range = 2n ** BigInt(config.precision.activationBits)
  network.stages.forEach((stage, l) => {
    const [got, want] = [values.stages[l]!, wanted.traces[l]!]
    expect(got.u && bigs(got.u)).toEqual(stage.gather ? want.u : undefined)
    expect(bigs(got.remainder)).toEqual(want.remainder)
    expect(bigs(got.gz)).toEqual(want.gz)
    if (got.hidden) {
      expect(bigs(got.hidden.sign)).toEqual(want.z.map(z => (z < 0n ? 1n : 0n)))
      expect(bigs(got.hidden.magnitude)).toEqual(want.z.map(z => (z < 0n ? z + range : z)))
      expect(bigs(got.hidden.a)).toEqual(want.a)
      expect(bigs(got.hidden.g)).toEqual(want.g)
      expect(bigs(got.hidden.gRemainder)).toEqual(want.gRemainder)
    } else expect(bigs(got.z!)).toEqual(want.z)
    const low = stage.lowBits
    for (let t = 1; t <= steps; t++) {
      const w = t === steps ? next[l]! : values.weights![t - 1]![l]!
      expect(wanted.joined(w.hi, w.lo, low)).toEqual(wanted.weights[l]![t]!.w)
      expect(wanted.joined(w.biasHi, w.biasLo, low)).toEqual(wanted.weights[l]![t]!.b)
      expect(w.lo.every(x => x >= -(2 ** (low - 1)) && x < 2 ** (low - 1))).toBe(true)
    }
    const v = next[l]!.velocity
    expect(v && wanted.joined(v.hi, v.lo, wanted.velocityLow)).toEqual(wanted.velocities[l]?.w)
    expect(v && wanted.joined(v.biasHi, v.biasLo, wanted.velocityLow)).toEqual(wanted.velocities[l]?.b)
  })
  const { softmax } = values
  if (!softmax) return
  softmax.p.forEach((p, i) => {
    const s = softmax.sum[Math.floor(i / config.classes)]!
    const unit = 2 ** (config.precision.gradientScale + 1)
    expect(softmax.rem[i]).toBe(unit * softmax.e[i]! + s - 2 * p * s)
    expect(softmax.rem[i]! >= 0 && softmax.rem[i]! < 2 * s).toBe(true)
    expect(softmax.d[i]).toBe(softmax.max[Math.floor(i / config.classes)]! - values.stages.at(-1)!.z![i]!)
  })
}

describe('a window equals its definition in bigints', () => {
  const momentum = { optimizer: { momentum: 0.9 } }
  const decay = { optimizer: { momentum: 0.5, weightDecay: 0.01 } }
  const squared = { loss: 'squared-error' }
  it.each([
    ['mlp', mlp, {}],
    ['mlp, squared error', mlp, squared],
    ['mlp, momentum', mlp, momentum],
    ['mlp, decay alone', mlp, { optimizer: { weightDecay: 0.02 } }],
    ['mlp, momentum and decay, squared error', mlp, { ...decay, ...squared }],
    ['cnn', cnn, {}],
    ['cnn, momentum and decay', cnn, decay],
    ['cnn, squared error', cnn, squared],
  ])('%s', (_, network, more) => compare(describeRun(network, more)))

  it('for any seed and length, on both backends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 4 }), (seed, steps) => {
        const learningRate = { initial: 0.1 }
        compare(describeRun(mlp, { learningRate }), steps, seed, seed, portableBackend())
        compare(describeRun(mlp, { ...momentum, learningRate }), steps, seed, seed)
      }),
      { numRuns: 5 },
    )
  })

  it('where accumulators leave 53 bits', () => {
    const precision = {
      activationScale: 12,
      activationBits: 16,
      gradientScale: 14,
      gradientBits: 20,
      rateScale: 16,
    }
    const wide = { ...mlp, input: { channels: 1, height: 1, width: 600 } }
    compare(describeRun(wide, { precision }))
  })
})

describe('by hand', () => {
  it('one weight, one step of squared error', () => {
    // One pixel 128 (0.5), weights 1 and 0 at scale 4 + 4, z = 0.5 at scale 4; H = (0, 1), B = 1, rate 1/2.
    const config = describeRun(
      { input: { channels: 1, height: 1, width: 1 }, classes: 2, layers: [{ kind: 'dense', units: 2 }] },
      {
        loss: 'squared-error',
        learningRate: { initial: 0.5 },
        batch: 1,
        window: 1,
        precision: {
          activationScale: 4,
          activationBits: 8,
          gradientScale: 4,
          gradientBits: 8,
          weightScale: 4,
          rateScale: 6,
        },
      },
    )
    const network = planNetwork(config)
    const state = [
      {
        hi: Int16Array.of(16, 0),
        lo: Int32Array.of(0, 0),
        biasHi: Int16Array.of(0, 0),
        biasLo: Int32Array.of(0, 0),
      },
    ]
    const data = { pixels: Uint8Array.of(128), labels: Int32Array.of(1) }
    const { next, values } = runWindow(loadBackend(), config, network, state, data, 0, 1)
    expect([...values.stages[0]!.z!]).toEqual([8, 0])
    expect([...values.stages[0]!.gz]).toEqual([8, -16])
    expect(values.steps).toEqual([{ step: 0, loss: (0.25 + 1) / 2, accuracy: 0 }])
    // w -= 1/2 gz x: 1 - 0.125 and 0.25; bias -= 1/2 gz: -0.25 and 0.5.
    const full = (hi: Int16Array, lo: Int32Array) => Array.from(hi, (h, i) => h / 16 + lo[i]! / 2 ** 18)
    expect(full(next[0]!.hi, next[0]!.lo)).toEqual([0.875, 0.25])
    expect(full(next[0]!.biasHi, next[0]!.biasLo)).toEqual([-0.25, 0.5])
    expect([...infer(loadBackend(), config, network, next, data.pixels)]).toEqual([3, 10])
  })
})

describe('refusals', () => {
  const config = describeRun(mlp)
  const network = planNetwork(config)
  const state = initialState(network, config, 1)
  const run = (change: Partial<Batches>, steps = 3, s: State = state, c = config) =>
    runWindow(loadBackend(), c, network, s, { ...batches(config, 3), ...change }, 0, steps)

  it.each([
    ['labels out of range', () => run({ labels: new Int32Array(6).fill(3) }), /labels: .* 0 to 2, got 3/],
    ['too few labels', () => run({ labels: new Int32Array(5) }), /labels: expected 6/],
    ['too few pixels', () => run({ pixels: new Uint8Array(5) }), /pixels: expected 36/],
    ['pixels that are no bytes', () => run({ pixels: new Int32Array(36).fill(256) }), /bytes, got 256/],
    ['no steps', () => run({}, 0), /steps: expected at least 1/],
    [
      'a pre-activation out of range',
      () =>
        run(
          {},
          3,
          state.map(s => ({ ...s, hi: s.hi.map(() => 32767) })),
        ),
      /dense2 at step 0: expected a pre-activation in .*/,
    ],
    [
      'weights out of range',
      () => run(batches(config, 1), 1, state, describeRun(mlp, { learningRate: { initial: 90 } })),
      /dense\d (weights|bias): expected values of \d+ bits/,
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(InputError)
    expect(act).toThrow(message)
  })

  it('gradients of squared error coarser than its logits', () => {
    const coarse = describeRun(mlp, { loss: 'squared-error', precision: { gradientScale: 7 } })
    expect(() => run({}, 3, state, coarse)).toThrow(
      /gradientScale: expected at least activationScale, 8, got 7/,
    )
  })

  it('names gradients out of range', () => {
    const narrow = describeRun(mlp, { precision: { gradientBits: 8 } })
    expect(() => run({}, 3, state, narrow)).toThrow(/dense3 at step 0: expected a gradient in \[-128, 128\)/)
  })
})

describe('pairs', () => {
  it('split every integer in range and refuse others', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: 16, max: 22 }),
        (w, low) => {
          const value = Float64Array.of(w * 2 ** (low - 16))
          const half = 2 ** (low - 1)
          const top = 32767 * 2 ** low + half
          if (value[0]! >= top) {
            expect(() => split(value, low, 'w')).toThrow(/w: expected values of/)
            return
          }
          const { hi, lo } = split(value, low, 'w')
          expect(hi[0]! * 2 ** low + lo[0]!).toBe(value[0])
          expect(lo[0]! >= -half && lo[0]! < half).toBe(true)
        },
      ),
    )
  })
})
