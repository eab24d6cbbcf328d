/** `proofmark/upscale`: enlarging images with the networks that come with the package. */
import type { Image } from './image.ts'
import { lceUpscaler, networkFor } from './network.ts'
import { type UpscaleOptions, upscaleWith } from './upscale.ts'

export { InputError } from '../errors.ts'
export { decodePicture, encodePicture, type Format, type Picture, readPicture } from './codec.ts'
export type { Image } from './image.ts'
export type { UpscaleOptions } from './upscale.ts'

/**
 * Enlarges an image.
 * @param image planes `[channels, height, width]` of 1 or 3 channels, samples in [0, 1], sRGB
 * @param options.scale 2, 3 or 4
 * @param options.weights a file of weights instead of those of the package
 * @returns as many channels, clamped to [0, 1]
 * @throws InputError naming what is wrong; the signal's reason when aborted
 */
export async function upscale(
  image: Image,
  options: UpscaleOptions & { scale: number; weights?: string },
): Promise<Image> {
  return upscaleWith(lceUpscaler(networkFor(options.scale, options.weights)), image, options)
}
