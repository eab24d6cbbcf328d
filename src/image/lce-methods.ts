/** The rows of the evaluation: bicubic, the networks of a folder, and what feeds their Correctors. */
import { corrects, type LceConfig, method as full, type Size } from '../models/lce/config.ts'
import { filterCorrected } from '../models/lce/filter.ts'
import { type LceSession, openLce, paddedSide } from '../models/lce/model.ts'
import { type LceWeights, withCorrector } from '../models/lce/weights.ts'
import type { Scale } from './degrade.ts'
import { bicubic, ensembled, type Method, type Restoration, type Sample } from './evaluate.ts'
import { cut, type Image } from './image.ts'
import { findWeights } from './network.ts'

/** The networks that each ablation leaves, by what differs from the method in full. */
export const ABLATIONS = {
  'no-clr': { branches: 'lr' },
  'clr-only': { corrector: 'learned', branches: 'clr' },
  'no-frequency': { corrector: 'learned', branches: 'both', frequency: 'none' },
  'linear-frequency': { corrector: 'learned', branches: 'both', frequency: 'linear' },
  'no-attention': { corrector: 'learned', branches: 'both', attention: false },
} as const satisfies Record<string, Partial<LceConfig>>
export type Ablation = keyof typeof ABLATIONS

/** One row: how it restores, or why it cannot. */
export type Entry = { readonly method: Method; readonly note?: string } | { readonly missing: string }

/**
 * The rows `bicubic, filter, baseline, lce, oracle`, then the ablations asked for.
 * @param folder of networks; those of one row must be of the size of the LCE network
 * @param options.threads for the networks
 * @param options.ensemble whether networks take the mean over the eight turned forms of an image
 * @returns the rows, and what frees the networks
 */
export function lceMethods(
  folder: string,
  scale: Scale,
  options: { size?: Size; ablations?: readonly Ablation[]; threads?: number; ensemble?: boolean } = {},
): { entries: Record<string, Entry>; release: () => Promise<void> } {
  const networks: Network[] = []
  const network = (weights: LceWeights): Method => {
    const made = new Network(weights, options.threads ?? 1)
    networks.push(made)
    const method: Method = sample => made.restore(sample)
    return options.ensemble ? ensembled(method) : method
  }
  const lce = findWeights(folder, { ...full, scale, ...(options.size && { size: options.size }) })
  const size = lce?.config.size ?? options.size
  const trained = (wanted: Partial<LceConfig>): LceWeights | undefined =>
    findWeights(folder, { scale, ...(size && { size }), ...wanted })
  const row = (wanted: Partial<LceConfig>): Entry => {
    const weights = trained(wanted)
    return weights
      ? { method: network(weights) }
      : { missing: `no weights for x${scale} with ${describe(wanted)}` }
  }
  /** A network trained with the CLR of another source, or else the LCE network that gets it. */
  const fed = (corrector: 'filter' | 'oracle'): Entry => {
    const own = trained({ ...full, corrector })
    if (own || !lce) return row({ ...full, corrector })
    return { method: network(withCorrector(lce, corrector)), note: 'the weights of lce, given this CLR' }
  }
  const entries: Record<string, Entry> = {
    bicubic: { method: async sample => ({ ...(await bicubic(sample)), corrected: sample.low }) },
    filter: fed('filter'),
    baseline: row({ ...full, corrector: 'none' }),
    lce: row(full),
    oracle: fed('oracle'),
  }
  for (const name of options.ablations ?? [])
    entries[name] = row({ ...full, corrector: undefined, ...ABLATIONS[name] })
  return { entries, release: async () => void (await Promise.all(networks.map(n => n.release()))) }
}

const describe = (wanted: Partial<LceConfig>): string =>
  Object.entries(wanted)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')

/** Repeated edge pixels around what a network sees. */
const MARGIN = 8

/** A network for images of any size: one session, for the size it saw last. */
class Network {
  readonly #weights: LceWeights
  readonly #threads: number
  #session: LceSession | undefined

  constructor(weights: LceWeights, threads: number) {
    this.#weights = weights
    this.#threads = threads
  }

  async restore(sample: Sample): Promise<Restoration> {
    const { width, height } = sample.low
    const { scale } = this.#weights.config
    const frame = {
      left: -MARGIN,
      top: -MARGIN,
      width: paddedSide(width) + 2 * MARGIN,
      height: paddedSide(height) + 2 * MARGIN,
    }
    const clr = this.#outside(sample)
    const session = await this.#open(frame.height, frame.width)
    const { sr, clr: corrected } = await session.run(cut(sample.low, frame), clr && cut(clr, frame))
    const inner = (image: Image, factor: number): Image =>
      cut(image, {
        left: MARGIN * factor,
        top: MARGIN * factor,
        width: width * factor,
        height: height * factor,
      })
    return {
      high: inner(sr, scale),
      corrected: corrects(this.#weights.config) ? inner(corrected, 1) : undefined,
    }
  }

  async release(): Promise<void> {
    await this.#session?.release()
    this.#session = undefined
  }

  async #open(height: number, width: number): Promise<LceSession> {
    if (this.#session?.height !== height || this.#session.width !== width) {
      await this.release()
      this.#session = await openLce(this.#weights, height, width, this.#threads)
    }
    return this.#session!
  }

  /** The CLR of a network without a Corrector of its own. */
  #outside({ low, clear, sigma }: Sample): Image | undefined {
    const { corrector, scale } = this.#weights.config
    if (corrector === 'oracle') return clear
    return corrector === 'filter' ? filterCorrected(low, scale, sigma) : undefined
  }
}
