/** Restoration on Gaussian8: every image under eight blurs, PSNR and SSIM averaged over all. */
import { InputError } from '../errors.ts'
import { clearLow, degrade, gaussian8, type Scale } from './degrade.ts'
import { cropToMultiple, type Image } from './image.ts'
import { psnrOfSamples, type Quality, quality } from './metrics.ts'
import { resizeBicubic } from './resize.ts'
import { overSymmetries, turned } from './symmetry.ts'

/** One degraded image. */
export interface Sample {
  /** Sides are multiples of the scale. */
  readonly high: Image
  /** Blurred, downsampled, 8 bits. */
  readonly low: Image
  /** Downsampled only. */
  readonly clear: Image
  /** Standard deviation of the blur in high-resolution pixels. */
  readonly sigma: number
}

/** What a method makes of `low`; some of them may look at the rest, which is unknown in practice. */
export interface Restoration {
  readonly high: Image
  /** The corrected low-resolution image, if the method has one. */
  readonly corrected?: Image
}
export type Method = (sample: Sample) => Promise<Restoration>

/** Means over all samples, in dB. */
export interface Result extends Quality {
  /** PSNR over RGB of the corrected image against `clear`, without rounding; infinite where it is `clear` itself. */
  correctedPsnr?: number
}

export const bicubic: Method = async ({ high, low }) => ({
  high: resizeBicubic(low, high.height, high.width),
})

/** The mean of what a method makes of the eight turned forms of a sample. */
export const ensembled =
  (method: Method): Method =>
  async sample => {
    const [high, corrected] = await overSymmetries(async which => {
      const restored = await method({
        high: turned(sample.high, which),
        low: turned(sample.low, which),
        clear: turned(sample.clear, which),
        sigma: sample.sigma,
      })
      return [restored.high, ...(restored.corrected ? [restored.corrected] : [])]
    })
    return { high: high!, corrected }
  }

/** The eight degraded forms of an image. @throws InputError if it is smaller than the scale */
export function* samples(image: Image, scale: Scale): Generator<Sample> {
  const high = cropToMultiple(image, scale)
  const clear = clearLow(high, scale)
  for (const sigma of gaussian8(scale)) yield { high, low: degrade(high, scale, sigma), clear, sigma }
}

/**
 * Runs methods over the same samples.
 * @param images reads one image after another
 * @param onSample after each sample, and before the first one with `done = 0`; may throw to stop
 * @throws InputError if there is no image, or one is too small for the metrics
 */
export async function evaluate<Name extends string>(
  images: readonly (() => Promise<Image>)[],
  scale: Scale,
  methods: Readonly<Record<Name, Method>>,
  onSample: (done: number, total: number) => void | Promise<void> = () => {},
): Promise<Record<Name, Result>> {
  if (images.length === 0) throw new InputError('set', 'at least one image', 'none')
  const names = Object.keys(methods) as Name[]
  const means = new Map(names.map(name => [name, new Mean()]))
  const total = images.length * gaussian8(scale).length
  let done = 0
  await onSample(0, total)
  for (const read of images) {
    for (const sample of samples(await read(), scale)) {
      for (const name of names) means.get(name)!.add(sample, await methods[name](sample), scale)
      await onSample(++done, total)
    }
  }
  return Object.fromEntries(names.map(name => [name, means.get(name)!.result()])) as Record<Name, Result>
}

class Mean {
  #count = 0
  #psnr = 0
  #ssim = 0
  #corrected: number | undefined

  add(sample: Sample, { high, corrected }: Restoration, scale: Scale): void {
    const { psnr, ssim } = quality(high, sample.high, scale)
    if (Number.isNaN(ssim)) {
      const least = 2 * scale + 11
      throw new InputError(
        'set',
        `images of at least ${least} x ${least} pixels`,
        `${sample.high.width} x ${sample.high.height}`,
      )
    }
    this.#count++
    this.#psnr += psnr
    this.#ssim += ssim
    if (corrected) this.#corrected = (this.#corrected ?? 0) + psnrOfSamples(corrected, sample.clear)
  }

  result(): Result {
    const [n, corrected] = [this.#count, this.#corrected]
    return {
      psnr: this.#psnr / n,
      ssim: this.#ssim / n,
      ...(corrected !== undefined && { correctedPsnr: corrected / n }),
    }
  }
}
