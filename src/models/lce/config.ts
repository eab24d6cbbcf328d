/** What a network of blind super-resolution is made of: sizes, scales and the parts that ablations take away. */
import { InputError } from '../../errors.ts'
import { type Scale, SCALES } from '../../image/degrade.ts'

/** Side of a window in low-resolution pixels: attention and Fourier transform act within windows. */
export const WINDOW = 8

export const SIZES = ['tiny', 'small', 'full'] as const
export type Size = (typeof SIZES)[number]

/** Extents of a network. */
export interface Extents {
  /** Features per pixel of the super-resolution network. */
  readonly channels: number
  readonly heads: number
  /** Groups of blocks, each closed by a convolution and a skip. */
  readonly groups: number
  /** FSABs per group; every second one of the network works on shifted windows. */
  readonly depth: number
  /** Residual blocks of two convolutions after the FSABs of a group. */
  readonly residualBlocks: number
  /** Hidden features of a block's MLP over `channels`. */
  readonly expansion: number
  readonly correctorChannels: number
  /** Residual blocks of the Corrector. */
  readonly correctorBlocks: number
  /** Whether the last pixels come from one convolution and shuffle, or from a shuffle by each prime factor. */
  readonly upsampling: 'direct' | 'staged'
}

export const extents: Readonly<Record<Size, Extents>> = {
  tiny: {
    channels: 32,
    heads: 1,
    groups: 2,
    depth: 1,
    residualBlocks: 2,
    expansion: 2,
    correctorChannels: 32,
    correctorBlocks: 2,
    upsampling: 'direct',
  },
  small: {
    channels: 60,
    heads: 6,
    groups: 4,
    depth: 6,
    residualBlocks: 0,
    expansion: 2,
    correctorChannels: 64,
    correctorBlocks: 8,
    upsampling: 'direct',
  },
  full: {
    channels: 180,
    heads: 6,
    groups: 6,
    depth: 6,
    residualBlocks: 0,
    expansion: 2,
    correctorChannels: 64,
    correctorBlocks: 8,
    upsampling: 'staged',
  },
}

/**
 * Where the corrected low-resolution image (CLR) comes from: a network trained with the rest, the low-resolution image
 * itself (the plain blind baseline), or from outside (the true one, or the closed-form filter's).
 */
export const CORRECTORS = ['learned', 'none', 'oracle', 'filter'] as const
export type Corrector = (typeof CORRECTORS)[number]
/** What the super-resolution network sees. */
export const BRANCHES = ['both', 'lr', 'clr'] as const
export type Branches = (typeof BRANCHES)[number]
/** A block's frequency part: spatial attention in the frequency domain, a linear map of the spectrum, nothing. */
export const FREQUENCIES = ['attention', 'linear', 'none'] as const
export type Frequency = (typeof FREQUENCIES)[number]

export interface LceConfig {
  readonly scale: Scale
  readonly size: Size
  readonly corrector: Corrector
  readonly branches: Branches
  readonly frequency: Frequency
  /** Whether blocks have window attention. */
  readonly attention: boolean
}

/** Whether a corrected image other than `lr` itself is part of a network. */
export const corrects = ({ corrector, branches }: LceConfig): boolean =>
  corrector !== 'none' && branches !== 'lr'

/** Whether a network corrects by itself, and so judges the blur of its images; if not, the corrected image comes from outside. */
export const judgesBlur = (config: LceConfig): boolean => corrects(config) && config.corrector === 'learned'

/** The method in full. */
export const method = {
  corrector: 'learned',
  branches: 'both',
  frequency: 'attention',
  attention: true,
} as const

/** @throws InputError unless `value` is one of `known` */
function oneOf<T extends string>(name: string, known: readonly T[], value: unknown): T {
  const found = known.find(k => k === value)
  if (found === undefined) throw new InputError(name, `one of ${known.join(', ')}`, String(value))
  return found
}

/**
 * A configuration from outside, such as the header of a weights file.
 * @param fields text by name; `attention` is 'true' or 'false'
 * @throws InputError naming the first field that is missing or unknown
 */
export function parseConfig(fields: Readonly<Record<string, unknown>>): LceConfig {
  return {
    scale: Number(oneOf('scale', SCALES.map(String), String(fields.scale))) as Scale,
    size: oneOf('size', SIZES, fields.size),
    corrector: oneOf('corrector', CORRECTORS, fields.corrector),
    branches: oneOf('branches', BRANCHES, fields.branches),
    frequency: oneOf('frequency', FREQUENCIES, fields.frequency),
    attention: oneOf('attention', ['true', 'false'], String(fields.attention)) === 'true',
  }
}
