/**
 * Labels and the loss's gradient of the logits, over a whole window. Softmax as in attention's (spec/operators.md):
 *   d = max - z, (d, e, [d = 0]) in the exponential table, some d = 0;
 *   P = floor((2^(sg+1) e + S) / (2 S)), S = sum e: the remainder is in [0, 2 S).
 */
import { InputError } from '../../errors.ts'
import { checkAccumulator, entry, type ProgramBuilder, ramp } from '../../graph/graph.ts'
import { type Limbs, limbEntries, limbs, type Signed } from '../../ops/rescale/relation.ts'
import { log2Ceil } from '../../poly/multilinear.ts'
import type { Entry, Tensor } from '../../program/program.ts'
import { expTable } from '../../tables/tables.ts'
import type { TrainingConfig } from '../config.ts'
import type { StageFrame } from './frame.ts'
import { vector } from './publics.ts'

export const EXP_SCALE = 16
const EXP_BITS = 16

export interface LossTensors {
  /** [T, B, O, 1] */
  readonly oneHot: Tensor
  readonly softmax: SoftmaxTensors | undefined
  readonly gradient: StageFrame['gradient']
  /** |gz| <= bound. */
  readonly bound: number
}

export interface SoftmaxTensors {
  /** [T, B] */
  readonly max: Tensor
  readonly count: Limbs
  /** [T, B, O, 1] */
  readonly d: Tensor
  readonly e: Tensor
  readonly peak: Tensor
  readonly p: Limbs
  readonly rem: Limbs
  readonly cap: Limbs
}

const AXES = ['t', 'i', 'o', 'p']

/** The row of a label: entries 0 or 1, of sum 1, at the label's place. */
const relateLabels = (
  b: ProgramBuilder,
  oneHot: Tensor,
  labels: readonly Entry[],
  sizes: Record<string, number>,
): void => {
  const bit = { kind: 'tensor', entries: [entry(oneHot, AXES)] } as const
  b.relate({
    name: 'label:bit',
    group: 'label:bit',
    sizes,
    out: AXES,
    linear: [entry(oneHot, AXES, -1n)],
    products: [{ coef: 1n, factors: [bit, bit] }],
  })
  const out = ['t', 'i']
  b.relate({
    name: 'label:one',
    group: 'label:one',
    sizes,
    out,
    linear: [entry(oneHot, AXES)],
    constants: [{ value: -1n, pins: {} }],
  })
  const classes = vector(
    'classes',
    Array.from({ length: sizes.o ?? 1 }, (_, c) => c),
  )
  b.relate({
    name: 'label:place',
    group: 'label:place',
    sizes,
    out,
    linear: labels,
    products: [{ coef: -1n, factors: [{ kind: 'public', tensor: classes, axes: ['o'] }, bit] }],
  })
}

const softmax = (
  b: ProgramBuilder,
  config: TrainingConfig,
  z: Signed,
  sizes: Record<string, number>,
): SoftmaxTensors => {
  const { gradientScale, activationBits, activationScale } = config.precision
  if (activationBits >= EXP_BITS) {
    throw new InputError('precision.activationBits', `below ${EXP_BITS} with softmax`, `${activationBits}`)
  }
  const shape = z.tensor.shape
  const rows = shape.slice(0, 2)
  const row = ['t', 'i']
  const max = b.tensor('loss.max', rows)
  const [d, e, peak] = ['d', 'e', 'peak'].map(n => b.tensor(`loss.${n}`, shape)) as [Tensor, Tensor, Tensor]
  b.relate({
    name: 'loss:shift',
    group: 'loss:shift',
    sizes,
    out: AXES,
    linear: [entry(max, row), entry(z.tensor, AXES, -1n), entry(d, AXES, -1n)],
  })
  const table = b.table('loss exp', () => ({
    bits: EXP_BITS,
    width: 3,
    columns: [
      ramp(0, 2 ** EXP_BITS),
      exponentials(activationScale),
      new Int32Array(2 ** EXP_BITS).fill(1, 0, 1),
    ],
  }))
  b.lookup({
    name: 'loss:exponential',
    table,
    shape,
    columns: [d, e, peak].map(tensor => ({ offset: 0n, entries: [{ coef: 1n, tensor }] })),
  })
  const count = limbs(b, 'loss.count', rows, log2Ceil(config.classes + 1))
  b.relate({
    name: 'loss:maximum',
    group: 'loss:maximum',
    sizes,
    out: row,
    linear: [entry(peak, AXES), ...limbEntries(count, row, -1n)],
    constants: [{ value: -1n, pins: {} }],
  })
  const p = limbs(b, 'loss.p', shape, gradientScale + 1)
  const width = EXP_SCALE + 2 + log2Ceil(config.classes)
  checkAccumulator('loss', 2 ** (gradientScale + 2 + width))
  const rem = limbs(b, 'loss.rem', shape, width)
  const cap = limbs(b, 'loss.cap', shape, width)
  // The row's sum: the same e along another name of its unit axis.
  const sum = ['t', 'i', 'v', 'p']
  b.relate({
    name: 'loss:divide',
    group: 'loss:divide',
    sizes,
    out: AXES,
    linear: [entry(e, AXES, 1n << BigInt(gradientScale + 1)), entry(e, sum), ...limbEntries(rem, AXES, -1n)],
    products: [
      {
        coef: -2n,
        factors: [
          { kind: 'tensor', entries: limbEntries(p, AXES) },
          { kind: 'tensor', entries: [entry(e, sum)] },
        ],
      },
    ],
  })
  b.relate({
    name: 'loss:remainder',
    group: 'loss:remainder',
    sizes,
    out: AXES,
    linear: [entry(e, sum, 2n), ...limbEntries(rem, AXES, -1n), ...limbEntries(cap, AXES, -1n)],
    constants: [{ value: -1n, pins: {} }],
  })
  return { max, count, d, e, peak, p, rem, cap }
}

/** 2^16 exp(-d 2^-scale) for d in [0, 2^16), and 0 at the table's end. */
export const exponentials = (scale: number): Int32Array => {
  const table = expTable(EXP_BITS, 2 ** -scale, EXP_SCALE)
  table[table.length - 1] = 0
  return table
}

/** @param labels entries over t, i that give each example's label */
export const loss = (
  b: ProgramBuilder,
  config: TrainingConfig,
  steps: number,
  z: Signed,
  labels: readonly Entry[],
): LossTensors => {
  const { gradientScale, activationScale, activationBits } = config.precision
  const sizes = { t: steps, i: config.batch, o: config.classes, p: 1, v: config.classes }
  const oneHot = b.tensor('label', z.tensor.shape)
  relateLabels(b, oneHot, labels, sizes)
  const unit = 1n << BigInt(gradientScale)
  if (config.loss === 'squared-error') {
    const finer = gradientScale - activationScale
    if (finer < 0)
      throw new InputError(
        'precision.gradientScale',
        `at least activationScale (${activationScale})`,
        `${gradientScale}`,
      )
    return {
      oneHot,
      softmax: undefined,
      gradient: axes => [entry(z.tensor, axes, 1n << BigInt(finer)), entry(oneHot, axes, -unit)],
      bound: 2 ** (activationBits + finer) + 2 ** gradientScale,
    }
  }
  const tensors = softmax(b, config, z, sizes)
  return {
    oneHot,
    softmax: tensors,
    gradient: axes => [...limbEntries(tensors.p, axes), entry(oneHot, axes, -unit)],
    bound: 2 ** gradientScale,
  }
}
