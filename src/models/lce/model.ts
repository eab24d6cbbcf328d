/** A network with its weights, ready to run on one size of image. */
import { InputError } from '../../errors.ts'
import type { Image } from '../../image/image.ts'
import * as G from '../../nn/graph.ts'
import { openSession } from '../../nn/session.ts'
import { WINDOW } from './config.ts'
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

/**
 * @param height,width of the low-resolution images, multiples of the window (see `paddedSide`)
 * @throws InputError for other sides
 */
export async function openLce(
  { config, tensors }: LceWeights,
  height: number,
  width: number,
  threads = 1,
): Promise<LceSession> {
  // Constants, so that the runtime may lay the kernels out as it likes.
  const parameters = new Parameters((name, shape) => G.constant(tensors.get(name)!.data, shape))
  const { sr, clr } = lceGraph(config, height, width, 1, parameters)
  const session = await openSession({ sr, corrected: clr }, { threads })
  const outside = config.branches !== 'lr' && (config.corrector === 'oracle' || config.corrector === 'filter')
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
