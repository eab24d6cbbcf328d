/** The degradation that blind super-resolution undoes: blur, bicubic downsampling, 8 bits. */
import { InputError } from '../errors.ts'
import { blurIsotropic, filter, type Kernel } from './blur.ts'
import { cropToMultiple, type Image, quantise } from './image.ts'
import { resizeBicubic } from './resize.ts'

export const SCALES = [2, 3, 4] as const
export type Scale = (typeof SCALES)[number]

/** The range of Gaussian8's standard deviations, in pixels of the high resolution. */
const SIGMAS: Readonly<Record<Scale, readonly [number, number]>> = {
  2: [0.8, 1.6],
  3: [1.35, 2.4],
  4: [1.8, 3.2],
}

/** The eight equispaced blurs that blind super-resolution is evaluated on. */
export function gaussian8(scale: Scale): readonly number[] {
  const [low, high] = SIGMAS[scale]
  return Array.from({ length: 8 }, (_, i) => low + ((high - low) * i) / 7)
}

/** @throws InputError unless 2, 3 or 4 */
export function checkScale(scale: number): asserts scale is Scale {
  if (!SCALES.includes(scale as Scale)) throw new InputError('scale', 'one of 2, 3, 4', String(scale))
}

/**
 * A low-resolution image as evaluation and training know it: cropped to a multiple of the scale, blurred, downsampled
 * bicubically, rounded to 8 bits.
 * @param blur standard deviation of the isotropic 21 x 21 Gaussian, or a kernel; none for bicubic downsampling alone
 * @returns `[channels, floor(height / scale), floor(width / scale)]`, multiples of 1/255
 */
export function degrade(high: Image, scale: Scale, blur?: number | Kernel): Image {
  return quantise(downsample(blurred(cropToMultiple(high, scale), blur), scale))
}

/**
 * What a Corrector is to recover from the degraded image: bicubic downsampling of the unblurred one, not rounded.
 * @returns `[channels, floor(height / scale), floor(width / scale)]`
 */
export function clearLow(high: Image, scale: Scale): Image {
  return downsample(cropToMultiple(high, scale), scale)
}

function downsample(image: Image, scale: Scale): Image {
  return resizeBicubic(image, image.height / scale, image.width / scale)
}

function blurred(image: Image, blur: number | Kernel | undefined): Image {
  if (blur === undefined) return image
  return typeof blur === 'number' ? blurIsotropic(image, blur) : filter(image, blur)
}
