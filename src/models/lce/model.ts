/** A network with its weights, ready to run on one size of image. */
import { InputError } from '../../errors.ts'
import type { Image } from '../../image/image.ts'
import * as G from '../../nn/graph.ts'
import { evaluate, openSession } from '../../nn/session.ts'
import { corrects, extents, judgesBlur, WINDOW } from './config.ts'
import { blurEvidence, type Evidence, judgement, wholeEvidence } from './corrector.ts'
import { CLR, LR, lceGraph } from './network.ts'
import { Parameters } from './parameters.ts'
import type { LceWeights } from './weights.ts'

export interface LceRun {
  /** `[3, scale * height, scale * width]`, not clamped. */
  readonly sr: Image
  /** The corrected low-resolution image `[3, height, width]`, not clamped. */
  readonly clr: Image
}

export interface LceSession {
  readonly height: number
  readonly width: number
  /**
   * @param lr `[3, height, width]`
   * @param clr the corrected image, where the network's Corrector is `oracle` or `filter`
   */
  run(lr: Image, clr?: Image): Promise<LceRun>
  release(): Promise<void>
}

/** The next multiple of the window: what an image or tile is to be padded to. */
export const paddedSide = (side: number): number => Math.ceil(side / WINDOW) * WINDOW

/** Constants, so that the runtime may lay the kernels out as it likes. */
const constants = ({ tensors }: LceWeights): Parameters =>
  new Parameters((name, shape) => G.constant(tensors.get(name)!.data, shape))

/**
 * @param height,width of the low-resolution images, multiples of the window (see `paddedSide`)
 * @param judged logits of the blur (see `judgeBlur`), where these images are tiles of a larger one
 * @throws InputError for other sides
 */
export async function openLce(
  weights: LceWeights,
  height: number,
  width: number,
  threads = 1,
  judged?: Float32Array,
): Promise<LceSession> {
  const { config } = weights
  const blur = judged && G.constant(judged, [1, judged.length])
  const { sr, clr } = lceGraph(config, height, width, 1, constants(weights), blur)
  const session = await openSession({ sr, corrected: clr }, { threads })
  const outside = corrects(config) && !judgesBlur(config)
  return {
    height,
    width,
    async run(image, corrected) {
      const pixels = (x: Image | undefined, name: string): Float32Array => {
        if (x?.channels !== 3 || x.height !== height || x.width !== width)
          throw new InputError(
            name,
            `3 x ${height} x ${width}`,
            x ? `${x.channels} x ${x.height} x ${x.width}` : 'none',
          )
        return x.data
      }
      const images = { [LR]: pixels(image, LR), ...(outside && { [CLR]: pixels(corrected, CLR) }) }
      const out = await session.run(images)
      const scaled = { width: config.scale * width, height: config.scale * height, channels: 3 }
      return { sr: { ...scaled, data: out.sr }, clr: { width, height, channels: 3, data: out.corrected } }
    },
    release: () => session.release(),
  }
}

export interface LceWitness {
  /** @param lr `[3, height, width]` */
  look(lr: Image): Promise<BlurEvidence>
  release(): Promise<void>
}
export type BlurEvidence = Evidence<Float32Array>

/**
 * Opens the part of a network that looks for the blur.
 * @param height,width of the low-resolution images
 * @throws InputError for a network that judges no blur
 */
export async function openWitness(
  weights: LceWeights,
  height: number,
  width: number,
  threads = 1,
): Promise<LceWitness> {
  const { config } = weights
  if (!judgesBlur(config)) throw new InputError('weights', 'a network with a Corrector of its own', 'none')
  const lr = G.input(LR, [1, 3, height, width])
  const found = blurEvidence(constants(weights), lr, config.scale, extents[config.size])
  const session = await openSession({ ...found }, { threads })
  return {
    look: image => session.run({ [LR]: image.data }),
    release: () => session.release(),
  }
}

/** Logits of the blur, `[1 + bank]`, from the evidence of an image's tiles, all of one size. */
export async function judgeBlur(weights: LceWeights, tiles: readonly BlurEvidence[]): Promise<Float32Array> {
  const { powers, picked } = wholeEvidence(tiles)
  const nodes = {
    powers: G.constant(powers, [1, 3, powers.length / 3]),
    picked: G.constant(picked, [1, picked.length]),
  }
  return (await evaluate({ blur: judgement(constants(weights), nodes) })).blur
}
