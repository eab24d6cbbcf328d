/** Probabilities that are not softmax's. Tests only. */
import type { WindowFixture } from '../fixture.ts'
import type { SoftmaxValues } from '../integer/loss.ts'
import { exponentials, type SoftmaxTensors } from '../program/loss.ts'
import { type Attack, exampleOf, logitGradient } from './common.ts'
import type { Cheat, Forged } from './forge.ts'

/** An example's row of softmax, from other distances to its maximum. */
const softmaxRow = (fixture: WindowFixture, example: number, distances: (d: number) => number) => {
  const { config } = fixture.spec
  const honest = fixture.run.values.softmax as SoftmaxValues
  const table = exponentials(config.precision.activationScale)
  const from = example * config.classes
  const d = Array.from(honest.d.subarray(from, from + config.classes), distances)
  const e = d.map(x => table[x] as number)
  const sum = e.reduce((a, b) => a + b)
  const twice = e.map(x => 2 ** (config.precision.gradientScale + 1) * x + sum)
  const p = twice.map(x => Math.floor(x / (2 * sum)))
  const rem = twice.map((x, o) => x - 2 * (p[o] as number) * sum)
  return {
    d,
    e,
    p,
    rem,
    cap: rem.map(r => 2 * sum - 1 - r),
    by: p.map((x, o) => x - (honest.p[from + o] as number)),
  }
}

const changedAt = (values: readonly number[], i: number, by: number): number[] =>
  values.map((v, k) => (k === i ? v + by : v))

export const lossAttacks = (fixture: WindowFixture): Attack[] => {
  const { window, spec } = fixture
  const tensors = window.loss.softmax as SoftmaxTensors
  const attack = (name: string, cheat: Cheat, fires: string[]): Attack => ({ name, fixture, cheat, fires })
  const example = exampleOf(fixture)
  const from = example * spec.config.classes
  const honest = softmaxRow(fixture, example, d => d)
  const raised = softmaxRow(fixture, example, d => d + 1)
  const put = (x: Forged, row: typeof honest): void => {
    row.d.forEach((d, o) => {
      x.ints(tensors.d)[from + o] = d
      x.ints(tensors.e)[from + o] = row.e[o] as number
      x.ints(tensors.peak)[from + o] = d === 0 ? 1 : 0
      x.limbs(tensors.p, from + o, row.p[o] as number)
      x.limbs(tensors.rem, from + o, row.rem[o] as number)
      x.limbs(tensors.cap, from + o, row.cap[o] as number)
    })
  }
  const raise = (x: Forged, count: number): void => {
    put(x, raised)
    x.ints(tensors.max)[example] = (x.ints(tensors.max)[example] as number) + 1
    x.limbs(tensors.count, example, count)
  }
  const off = honest.p.map((_, o) => (o === 0 ? 1 : 0))
  const sum = honest.e.reduce((a, b) => a + b)
  return [
    attack(
      'a probability one too large',
      {
        kernels: logitGradient(fixture, example, off),
        edit: x => x.limbs(tensors.p, from, (honest.p[0] as number) + 1),
      },
      ['loss:divide'],
    ),
    attack(
      'a probability one too large, its remainder negative',
      {
        kernels: logitGradient(fixture, example, off),
        edit: x =>
          put(x, {
            ...honest,
            p: changedAt(honest.p, 0, 1),
            rem: changedAt(honest.rem, 0, -2 * sum),
            cap: changedAt(honest.cap, 0, 2 * sum),
          }),
      },
      [tensors.rem.tensors.at(-1)?.name ?? ''],
    ),
    attack(
      'a probability one too small, its remainder beyond the divisor',
      {
        kernels: logitGradient(
          fixture,
          example,
          changedAt(
            off.map(() => 0),
            0,
            -1,
          ),
        ),
        edit: x =>
          put(x, {
            ...honest,
            p: changedAt(honest.p, 0, -1),
            rem: changedAt(honest.rem, 0, 2 * sum),
            cap: changedAt(honest.cap, 0, -2 * sum),
          }),
      },
      [tensors.cap.tensors.at(-1)?.name ?? ''],
    ),
    attack(
      'a remainder without its complement',
      { edit: x => x.limbs(tensors.cap, from, (honest.cap[0] as number) - 1) },
      ['loss:remainder'],
    ),
    attack(
      'a maximum that no logit reaches',
      { kernels: logitGradient(fixture, example, raised.by), edit: x => raise(x, 0) },
      ['loss:maximum'],
    ),
    attack(
      'a maximum that no logit reaches, counted as -1',
      { kernels: logitGradient(fixture, example, raised.by), edit: x => raise(x, -1) },
      [tensors.count.tensors[0]?.name ?? ''],
    ),
    attack(
      'a maximum of another row',
      {
        edit: x => {
          x.ints(tensors.max)[1] = (x.ints(tensors.max)[1] as number) + 1
        },
      },
      ['loss:shift'],
    ),
    attack(
      'a peak where there is none',
      {
        edit: x => {
          const peak = x.ints(tensors.peak).subarray(from, from + spec.config.classes)
          x.limbs(tensors.count, example, peak.filter(v => v === 1).length)
          peak[peak.indexOf(0)] = 1
        },
      },
      ['loss:exponential'],
    ),
  ]
}
