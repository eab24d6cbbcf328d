/** The window's semantics of spec/training.md, section 3, read off in bigints: slow, for tests. */
import { exponentials } from '../program/loss.ts'
import type { TrainingConfig } from '../config.ts'
import { gatherPixels, type Network, type Stage } from '../network.ts'
import { coefficients, VELOCITY_LOW } from '../schedule.ts'
import type { State } from './state.ts'

type Big = bigint[]
const big = (x: ArrayLike<number>): Big => Array.from(x, v => BigInt(v))
const sum = (n: number, term: (i: number) => bigint): bigint => {
  let s = 0n
  for (let i = 0; i < n; i++) s += term(i)
  return s
}
const floorDiv = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b
const rescale = (acc: bigint, s: number): [bigint, bigint] => {
  const biased = acc + 2n ** BigInt(s - 1)
  const z = floorDiv(biased, 2n ** BigInt(s))
  return [z, biased - z * 2n ** BigInt(s)]
}

interface Traced {
  u: Big
  z: Big
  remainder: Big
  a: Big
  g: Big
  gRemainder: Big
  gz: Big
}

/** For each of u's (p, k) the input positions that it sums. */
const pixelsOf = (stage: Stage): number[][] =>
  stage.gather ? gatherPixels(stage.gather) : Array.from({ length: stage.taps }, (_, k) => [k])

export const oracle = (
  config: TrainingConfig,
  network: Network,
  state: State,
  pixels: ArrayLike<number>,
  labels: ArrayLike<number>,
  first: number,
  steps: number,
) => {
  const { batch, classes, precision } = config
  const stages = network.stages
  const traces: Traced[] = stages.map(() => ({
    u: [],
    z: [],
    remainder: [],
    a: [],
    g: [],
    gRemainder: [],
    gz: [],
  }))
  const c = stages.map(stage => coefficients(config, stage, first, steps))
  const gradients: { w: Big; b: Big }[][] = stages.map(() => [])
  const combine = (l: number, t: number, part: 'w' | 'b'): Big => {
    const s = state[l]!
    const [hi, lo] = part === 'w' ? [s.hi, s.lo] : [s.biasHi, s.biasLo]
    const vhi = part === 'w' ? s.velocity?.hi : s.velocity?.biasHi
    return big(hi).map((h, i) => {
      let w = BigInt(c[l]!.decay[t]!) * h + BigInt(lo[i]!)
      w -= BigInt(c[l]!.velocity[t]!) * BigInt(vhi?.[i] ?? 0)
      for (let k = 0; k < t; k++) w -= BigInt(c[l]!.gradient[t]![k]!) * gradients[l]![k]![part][i]!
      return w
    })
  }
  for (let t = 0; t < steps; t++) {
    let a = big(pixels).slice(t * batch * network.features, (t + 1) * batch * network.features)
    const us: Big[] = []
    const zs: Big[] = []
    for (const [l, s] of stages.entries()) {
      const [w, bias, lists] = [combine(l, t, 'w'), combine(l, t, 'b'), pixelsOf(s)]
      const u: Big = []
      for (let b = 0; b < batch; b++)
        for (let p = 0; p < s.positions; p++)
          for (let ch = 0; ch < s.inChannels; ch++)
            for (let k = 0; k < s.taps; k++) {
              const list = lists[p * s.taps + k]!
              u.push(sum(list.length, i => a[(b * s.inChannels + ch) * s.inPositions + list[i]!]!))
            }
      const [z, next]: [Big, Big] = [[], []]
      const fan = s.inChannels * s.taps
      for (let b = 0; b < batch; b++)
        for (let o = 0; o < s.units; o++)
          for (let p = 0; p < s.positions; p++) {
            const acc =
              sum(fan, i => u[(b * s.positions + p) * fan + i]! * w[o * fan + i]!) +
              2n ** BigInt(s.inputScale) * bias[o]!
            const [value, rest] = rescale(acc, s.shift)
            z.push(value)
            traces[l]!.remainder.push(rest)
            next.push(value > 0n ? value : 0n)
          }
      traces[l]!.u.push(...u)
      traces[l]!.z.push(...z)
      if (s.relu) traces[l]!.a.push(...next)
      us.push(u)
      zs.push(z)
      a = next
    }
    const logits = zs.at(-1)!
    let gz: Big = []
    const unit = 2n ** BigInt(precision.gradientScale)
    const table = exponentials(precision.activationScale)
    for (let b = 0; b < batch; b++) {
      const row = logits.slice(b * classes, (b + 1) * classes)
      const label = labels[t * batch + b]!
      if (config.loss === 'squared-error') {
        const factor = 2n ** BigInt(precision.gradientScale - precision.activationScale)
        gz.push(...row.map((z, o) => factor * z - (o === label ? unit : 0n)))
      } else {
        const max = row.reduce((x, y) => (x > y ? x : y))
        const e = row.map(z => BigInt(table[Number(max - z)]!))
        const total = e.reduce((x, y) => x + y)
        gz.push(...e.map((x, o) => floorDiv(2n * unit * x + total, 2n * total) - (o === label ? unit : 0n)))
      }
    }
    for (let l = stages.length - 1; l >= 0; l--) {
      const s = stages[l]!
      const fan = s.inChannels * s.taps
      traces[l]!.gz.push(...gz)
      const own = gz
      if (l > 0) {
        const [w, lists] = [combine(l, t, 'w'), pixelsOf(s)]
        const size = s.inChannels * s.inPositions
        const acc: Big = new Array<bigint>(batch * size).fill(0n)
        for (let b = 0; b < batch; b++)
          for (let p = 0; p < s.positions; p++)
            for (let ch = 0; ch < s.inChannels; ch++)
              for (let k = 0; k < s.taps; k++) {
                const d = sum(
                  s.units,
                  o => own[(b * s.units + o) * s.positions + p]! * w[o * fan + ch * s.taps + k]!,
                )
                for (const q of lists[p * s.taps + k]!) acc[b * size + ch * s.inPositions + q]! += d
              }
        gz = acc.map((x, i) => {
          const [g, rest] = rescale(x, s.backShift)
          traces[l - 1]!.g.push(g)
          traces[l - 1]!.gRemainder.push(rest)
          return zs[l - 1]![i]! >= 0n ? g : 0n
        })
      }
      const g: Big = []
      for (let o = 0; o < s.units; o++)
        for (let i = 0; i < fan; i++)
          g.push(
            sum(batch * s.positions, j => {
              const [b, p] = [Math.floor(j / s.positions), j % s.positions]
              return own[(b * s.units + o) * s.positions + p]! * us[l]![j * fan + i]!
            }),
          )
      const b = Array.from({ length: s.units }, (_, o) => {
        const all = sum(batch * s.positions, j => {
          const image = Math.floor(j / s.positions)
          return own[(image * s.units + o) * s.positions + (j % s.positions)]!
        })
        return all * 2n ** BigInt(s.inputScale)
      })
      gradients[l]!.push({ w: g, b })
    }
  }
  const velocities = stages.map((_, l) => {
    const v = state[l]!.velocity
    const of = (hi: Int16Array, lo: Int32Array, part: 'w' | 'b') =>
      big(hi).map(
        (h, i) =>
          BigInt(c[l]!.velocityDecay) * h +
          BigInt(lo[i]!) +
          sum(steps, s => BigInt(c[l]!.velocityGradient[s]!) * gradients[l]![s]![part][i]!),
      )
    return v && { w: of(v.hi, v.lo, 'w'), b: of(v.biasHi, v.biasLo, 'b') }
  })
  const joined = (hi: Int16Array, lo: Int32Array, low: number) =>
    big(hi).map((h, i) => h * 2n ** BigInt(low) + BigInt(lo[i]!))
  return {
    traces,
    weights: stages.map((_, l) =>
      Array.from({ length: steps + 1 }, (_, t) => ({ w: combine(l, t, 'w'), b: combine(l, t, 'b') })),
    ),
    velocities,
    gradients,
    joined,
    velocityLow: VELOCITY_LOW,
  }
}
