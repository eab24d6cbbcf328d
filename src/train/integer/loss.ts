/** The losses: exact integer gradients, and real-valued loss and accuracy for logs. */
import { InputError } from '../../errors.ts'
import type { TrainingConfig } from '../config.ts'

/** What softmax cross-entropy computes on the way (spec/training.md, section 3), for a whole window. */
export interface SoftmaxValues {
  /** [T, B]; 0 <= d < 2^(activationBits + 1). */
  readonly max: Int32Array
  /** [T, B, O] */
  readonly d: Int32Array
  readonly e: Int32Array
  /** S: [T, B]. */
  readonly sum: Int32Array
  /** P: [T, B, O], in [0, 2^gradientScale]. */
  readonly p: Int32Array
  /** 2^(gradientScale + 1) e + S - 2 P S, in [0, 2 S). */
  readonly rem: Float64Array
}

export const softmaxValues = (rows: number, classes: number): SoftmaxValues => ({
  max: new Int32Array(rows),
  d: new Int32Array(rows * classes),
  e: new Int32Array(rows * classes),
  sum: new Int32Array(rows),
  p: new Int32Array(rows * classes),
  rem: new Float64Array(rows * classes),
})

/**
 * One example of softmax cross-entropy: reads its logits z, fills its row of `values` and writes its gradient gz.
 * @throws InputError when logits lie 2^16 units or more apart
 */
export const softmaxRow = (
  config: TrainingConfig,
  table: Int32Array,
  z: Int32Array,
  label: number,
  row: number,
  values: SoftmaxValues,
  gz: Int32Array,
): void => {
  const unit = 2 ** config.precision.gradientScale
  const from = row * config.classes
  let max = z[from] as number
  for (let o = 1; o < config.classes; o++) max = Math.max(max, z[from + o] as number)
  let sum = 0
  for (let o = 0; o < config.classes; o++) {
    const d = max - (z[from + o] as number)
    const e = table[d]
    if (e === undefined) throw new InputError('softmax', `logits within ${table.length} units`, `${d}`)
    values.d[from + o] = d
    values.e[from + o] = e
    sum += e
  }
  values.max[row] = max
  values.sum[row] = sum
  for (let o = 0; o < config.classes; o++) {
    const twice = 2 * unit * (values.e[from + o] as number) + sum
    const p = Math.floor(twice / (2 * sum))
    values.p[from + o] = p
    values.rem[from + o] = twice - 2 * p * sum
    gz[from + o] = p - (o === label ? unit : 0)
  }
}

/** One example of 1/2 sum (z - H)^2: writes its gradient. @throws InputError when gradients are coarser than logits */
export const squaredRow = (
  config: TrainingConfig,
  z: Int32Array,
  label: number,
  row: number,
  gz: Int32Array,
): void => {
  const { gradientScale, activationScale } = config.precision
  if (gradientScale < activationScale)
    throw new InputError('gradientScale', `at least activationScale, ${activationScale}`, `${gradientScale}`)
  const factor = 2 ** (gradientScale - activationScale)
  const from = row * config.classes
  for (let o = 0; o < config.classes; o++) {
    gz[from + o] = factor * (z[from + o] as number) - (o === label ? 2 ** gradientScale : 0)
  }
}

/** Mean loss, and the part of examples whose first largest logit is the label's; z: [rows, classes] from row `from` on. */
export const score = (
  config: TrainingConfig,
  z: Int32Array,
  labels: Int32Array,
  from: number,
  rows: number,
): { readonly loss: number; readonly accuracy: number } => {
  const { classes } = config
  const unit = 2 ** -config.precision.activationScale
  let loss = 0
  let right = 0
  for (let row = from; row < from + rows; row++) {
    const logits = Array.from(z.subarray(row * classes, (row + 1) * classes), x => x * unit)
    const label = labels[row] as number
    const max = Math.max(...logits)
    if (logits.indexOf(max) === label) right++
    if (config.loss === 'squared-error') {
      for (let o = 0; o < classes; o++) loss += ((logits[o] as number) - (o === label ? 1 : 0)) ** 2 / 2
    } else {
      loss += max - (logits[label] as number) + Math.log(logits.reduce((s, x) => s + Math.exp(x - max), 0))
    }
  }
  return { loss: loss / rows, accuracy: right / rows }
}
