/** What a training run can be told. */

/** The Gaussian blurs of training: round ones as the evaluation's, or stretched ones at any angle. */
export const BLURS = ['isotropic', 'anisotropic'] as const
export type Blur = (typeof BLURS)[number]

/** Muon for matrices with Adam for the rest, or Adam for all. */
export const OPTIMIZERS = ['muon', 'adam'] as const
export type Optimizer = (typeof OPTIMIZERS)[number]

/**
 * What learns from what: all from the sum of all losses; the Corrector from its own losses alone; or so, and nothing but
 * the Corrector.
 */
export const LEARNINGS = ['joint', 'detached', 'corrector'] as const
export type Learning = (typeof LEARNINGS)[number]

/**
 * How far the result is from the original: the mean absolute error, or the root mean square error of each patch, which
 * is what PSNR measures.
 */
export const LOSSES = ['l1', 'l2'] as const
export type Loss = (typeof LOSSES)[number]

export interface TrainOptions {
  /** Patches of a step, and their side in low-resolution pixels (a multiple of the window). */
  readonly rows: number
  readonly patch: number
  readonly blur: Blur
  readonly steps: number
  readonly optimizer: Optimizer
  readonly learning: Learning
  readonly loss: Loss
  /** Steps over which the rate rises. */
  readonly warmup: number
  /** The rate stays there for half of the steps, then falls to a hundredth. */
  readonly peakRate: number
  /** Steps between validations (and checkpoints). */
  readonly every: number
  /** Weight of the past in the exponential average of the parameters. */
  readonly average: number
  readonly seed: number
  readonly threads: number
}

/** How the batch of a step is drawn. */
export type BatchOptions = Pick<TrainOptions, 'rows' | 'patch' | 'blur'>
/** What the graph of a step depends on. */
export type StepOptions = Pick<TrainOptions, 'rows' | 'patch' | 'optimizer' | 'learning' | 'loss'>

export const trainDefaults: TrainOptions = {
  rows: 8,
  patch: 32,
  blur: 'isotropic',
  optimizer: 'muon',
  learning: 'joint',
  loss: 'l1',
  steps: 20_000,
  warmup: 200,
  peakRate: 2e-3,
  every: 250,
  average: 0.999,
  seed: 1,
  threads: 2,
}

/** Constant for half of a run, so that one may be made longer or shorter when it is resumed. */
export function rateAt(step: number, { steps, warmup, peakRate }: TrainOptions): number {
  const left = Math.min(1, (2 * (steps - step)) / steps)
  return peakRate * Math.min(step / warmup, 0.01 + 0.99 * left)
}
