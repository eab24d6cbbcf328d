/** Chooses every scale of an integer model by running it on sample tokens. */
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import type { ModelConfig } from '../../import/config.ts'
import { BLIND_NAME } from '../../proof/commitment.ts'
import { type Bits, type Calibrator, ModelBuilder } from './builder.ts'
import type { ModelDescription } from './description.ts'
import { buildModel } from './families.ts'
import { scaleFor, Trial, type WeightCache } from './trial.ts'

/**
 * Units that the residual stream gets in the least rms that a norm sees, if its bits allow: rounding is then below one per
 * cent of a row. A stream that needs a second limb gets more, for all its widths cost the same.
 */
const UNITS_PER_RMS = { narrow: 2 ** 5, wide: 2 ** 9 }
/** Finest scale of the residual stream. */
const FINEST_RESIDUAL = 14
/** Bits of the residual stream's summands, cheapest first: beyond 16, a second limb holds up to 16 more. */
const RESIDUAL_BITS = [16, 18, 20, 22, 24]
/** Bits and scales under which the residual stream is measured, the first that fit. */
const PROBES = [
  [20, 10],
  [20, 6],
  [20, 2],
  [18, 4],
  [18, 0],
] as const

/** Scales of usual size, for graphs that are only built. */
const NOMINAL: Calibrator = {
  weight: (_, __, most) => Math.min(14, most),
  output: node => (node.op === 'attention' ? 9 : 11),
  ran: () => {},
}

/** Whether the accumulators of the residual stream's norms stay within their bounds. */
const buildable = (config: ModelConfig, bits: Bits, scale: number): boolean => {
  try {
    buildModel(new ModelBuilder(bits, { residual: scale }, NOMINAL), config, {
      tokens: [0],
      first: 0,
      chosen: [0],
    })
    return true
  } catch (error) {
    if (error instanceof InputError) return false
    throw error
  }
}

/** The result of the first candidate that overflows nowhere. @throws the last candidate's InputError */
const firstThatFits = <C, R>(candidates: readonly C[], run: (candidate: C) => R): R => {
  let last: unknown
  for (const candidate of candidates) {
    try {
      return run(candidate)
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      last = error
    }
  }
  throw last
}

/**
 * @param float reads a weight in the integer model's order of entries
 * @param windows token sequences of one length, at most the model's context; ranges are the largest over all
 * @throws InputError when no width of the residual stream holds its values
 */
export const calibrate = (
  backend: Backend,
  config: ModelConfig,
  float: WeightCache['float'],
  windows: readonly (readonly number[])[],
  activationBits = 16,
): { description: ModelDescription; weights: Map<string, Int16Array> } => {
  const [tokens = []] = windows
  if (tokens.length === 0 || windows.some(w => w.length !== tokens.length)) {
    throw new InputError(
      'windows',
      'one or more of one length',
      `lengths ${windows.map(w => w.length).join(', ') || 'none'}`,
    )
  }
  const cache: WeightCache = { float, ints: new Map([[BLIND_NAME, { scale: 0, data: new Int16Array(0) }]]) }
  const trial = (bits: Bits, scale: number): Trial => {
    const t = new Trial(backend, windows, cache, scale)
    buildModel(new ModelBuilder(bits, t.scales, t), config, { tokens, first: tokens.length - 1, chosen: [0] })
    return t
  }
  const probe = ([residualBits, scale]: readonly [number, number]) =>
    trial({ residualBits, activationBits }, scale)
  const { residual, rms } = firstThatFits(PROBES, probe)
  const scaleAt = (bits: number): number => Math.min(FINEST_RESIDUAL, scaleFor(residual, bits))
  const wanted = (bits: number): number => (bits <= 16 ? UNITS_PER_RMS.narrow : UNITS_PER_RMS.wide)
  const enough = RESIDUAL_BITS.findIndex(bits => rms * 2 ** scaleAt(bits) >= wanted(bits))
  // The norms of deep models have no room for the widest streams; then a narrower one must do.
  const candidates = RESIDUAL_BITS.slice(0, enough < 0 ? undefined : enough + 1)
    .filter(bits => bits === 16 || buildable(config, { residualBits: bits, activationBits }, scaleAt(bits)))
    .reverse()
  const { bits, scales } = firstThatFits(candidates, residualBits => {
    const bits = { residualBits, activationBits }
    return { bits, scales: { ...trial(bits, scaleAt(residualBits)).scales } }
  })
  return {
    description: { config, ...bits, scales },
    weights: new Map([...cache.ints].map(([name, { data }]) => [name, data])),
  }
}
