/**
 * The program of a classification: images through a committed state's network, with the 16-bit weights hi, to the class
 * of the largest logit each; ties go to the lowest class (spec/training.md, section 9).
 */
import { K_ZERO, kAdd, kMul } from '../../field/goldilocks.ts'
import { checkAccumulator, entry, ProgramBuilder } from '../../graph/graph.ts'
import { type Limbs, limbEntries, limbs, type Signed, signed } from '../../ops/rescale/relation.ts'
import { eqWeights, evaluateInts, expandWeights, log2Ceil, rangeAt } from '../../poly/multilinear.ts'
import type { Program, PublicTensor, Tensor } from '../../program/program.ts'
import type { TrainingConfig } from '../config.ts'
import { checkProgramSize } from '../limits.ts'
import { type Network, planNetwork, type Stage } from '../network.ts'
import type { ForwardFrame } from './frame.ts'
import { gatherTensor } from './publics.ts'
import { relateForward, relateGather, relateRelu } from './stage.ts'
import { storedState } from './state.ts'

export interface ClassificationSpec {
  readonly config: TrainingConfig
  /** The class of each image: [count]. */
  readonly classes: readonly number[]
  /** Bytes [count, C, Q]; undefined where they are private. */
  readonly pixels: Uint8Array | undefined
}

export interface ClassificationProgram {
  readonly program: Program
  readonly network: Network
  readonly stages: readonly ForwardFrame[]
  /** [1, count, C, Q] */
  readonly pixels: Tensor
  /** [count], and best - z - [v < class] over the classes. */
  readonly best: Tensor
  readonly diff: Limbs
}

/** A stage that computes with hi alone. */
export const roundedStage = (stage: Stage): Stage => ({ ...stage, shift: stage.shift - stage.lowBits })

/** Public images, padded to powers of two for their extension. */
const images = (pixels: Uint8Array, shape: readonly [number, number, number]): PublicTensor => ({
  name: 'images',
  shape,
  values: () => Int32Array.from(pixels),
  evaluate: ([image = [], channel = [], pixel = []]) => {
    const [count, channels, positions] = shape
    const byImage = expandWeights(eqWeights(image))
    const byChannel = expandWeights(eqWeights(channel))
    const padded = new Int32Array(2 ** log2Ceil(positions))
    let out = K_ZERO
    for (let i = 0; i < count; i++) {
      for (let c = 0; c < channels; c++) {
        const from = (i * channels + c) * positions
        padded.set(pixels.subarray(from, from + positions))
        const weight = kMul(byImage[i] ?? K_ZERO, byChannel[c] ?? K_ZERO)
        out = kAdd(out, kMul(weight, evaluateInts(padded, pixel)))
      }
    }
    return out
  },
})

/** [v < class] over [count, classes]. */
const below = (classes: readonly number[], of: number): PublicTensor => ({
  name: 'classes below',
  shape: [classes.length, of],
  values: () =>
    Int32Array.from({ length: classes.length * of }, (_, i) =>
      i % of < (classes[Math.floor(i / of)] ?? 0) ? 1 : 0,
    ),
  evaluate: ([image = [], unit = []]) => {
    const weights = expandWeights(eqWeights(image))
    return classes.reduce((s, c, i) => kAdd(s, kMul(weights[i] ?? K_ZERO, rangeAt(c, unit))), K_ZERO)
  },
})

/** @throws InputError naming what of the description cannot be proven */
export const classificationProgram = ({
  config: training,
  classes,
  pixels: known,
}: ClassificationSpec): ClassificationProgram => {
  const network = planNetwork(training)
  const count = classes.length
  const config = { ...training, batch: count }
  const { channels, height, width } = config.input
  const { activationBits } = config.precision
  const b = new ProgramBuilder()
  const states = storedState(b, 'weights', training, network)
  const pixels = limbs(b, 'pixels', [1, count, channels, height * width], 8).tensors[0] as Tensor
  if (known) {
    b.relate({
      name: 'images',
      group: 'images',
      sizes: { t: 1, i: count, c: channels, q: height * width },
      out: ['t', 'i', 'c', 'q'],
      linear: [entry(pixels, ['t', 'i', 'c', 'q'], -1n)],
      publics: [
        {
          coef: 1n,
          tensor: images(known, [count, channels, height * width]),
          axes: ['i', 'c', 'q'],
          pins: {},
        },
      ],
    })
  }
  let source = pixels
  const stages = network.stages.map((full, l): ForwardFrame => {
    const stage = roundedStage(full)
    const { name, units, positions, inChannels, taps, inputBound, inputScale, shift } = stage
    const shape = [1, count, units, positions]
    checkAccumulator(name, (inChannels * taps * inputBound + 2 ** inputScale) * 2 ** 15 + 2 ** shift)
    const gather = stage.gather && gatherTensor(`gather ${name}`, stage.gather)
    const input = gather ? b.tensor(`${name}.u`, [1, count, positions, inChannels, taps]) : source
    const remainder = shift > 0 ? limbs(b, `${name}.r`, shape, shift) : undefined
    const hidden = stage.relu
      ? {
          magnitude: limbs(b, `${name}.magnitude`, shape, activationBits),
          sign: b.tensor(`${name}.sign`, shape),
          a: b.tensor(`${name}.a`, shape),
        }
      : undefined
    const z = hidden ? undefined : signed(b, `${name}.z`, shape, activationBits + 1)
    const frame = {
      stage,
      config,
      steps: 1,
      rounded: true,
      states: [states[l], undefined],
      input: { tensor: input, gather },
      remainder,
      hidden,
      z,
    }
    relateGather(b, frame, entry(source, ['t', 'i', 'c', 'q']))
    relateForward(b, frame)
    relateRelu(b, frame)
    if (hidden) source = hidden.a
    return frame
  })
  const { best, diff } = largest(b, stages.at(-1)?.z as Signed, classes, config)
  const program = b.finish()
  checkProgramSize(program)
  return { program, network, stages, pixels, best, diff }
}

/** best - z_v - [v < class] >= 0 for every class v, and 0 at the chosen one. */
const largest = (
  b: ProgramBuilder,
  z: Signed,
  classes: readonly number[],
  config: TrainingConfig,
): { best: Tensor; diff: Limbs } => {
  const count = classes.length
  const best = b.tensor('best', [count])
  const diff = limbs(b, 'best.diff', [count, config.classes], config.precision.activationBits + 2)
  const sizes = { i: count, o: config.classes }
  b.relate({
    name: 'best:logits',
    group: 'best:logits',
    sizes,
    out: ['i', 'o'],
    linear: [
      entry(best, ['i']),
      entry(z.tensor, [{ at: 0 }, 'i', 'o', { at: 0 }], -1n),
      ...limbEntries(diff, ['i', 'o'], -1n),
    ],
    publics: [{ coef: -1n, tensor: below(classes, config.classes), axes: ['i', 'o'], pins: {} }],
  })
  b.relate({
    name: 'best:chosen',
    group: 'best:chosen',
    sizes,
    out: ['i'],
    linear: classes.flatMap((c, i) => limbEntries(diff, [{ at: i }, { at: c }], 1n, { i })),
  })
  return { best, diff }
}
