/** The eight symmetries of a rectangle of pixels, square or not: flips and quarter turns. */
import type { Image } from './image.ts'

export const SYMMETRIES = [0, 1, 2, 3, 4, 5, 6, 7] as const
/** Bit 0 flips rows, bit 1 columns, bit 2 swaps rows and columns. */
export type Symmetry = (typeof SYMMETRIES)[number]

/** @returns an image of swapped sides where bit 2 is set */
export function turned(image: Image, which: Symmetry): Image {
  const { channels } = image
  const swap = (which & 4) !== 0
  const [width, height] = swap ? [image.height, image.width] : [image.width, image.height]
  const data = new Float32Array(image.data.length)
  let to = 0
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, to++) {
        const [a, b] = swap ? [x, y] : [y, x]
        const row = which & 1 ? image.height - 1 - a : a
        const column = which & 2 ? image.width - 1 - b : b
        data[to] = image.data[(c * image.height + row) * image.width + column]!
      }
  return { width, height, channels, data }
}

/** The symmetry that undoes another. */
export function inverse(which: Symmetry): Symmetry {
  return (which & 4 ? 4 | ((which & 1) << 1) | ((which & 2) >> 1) : which) as Symmetry
}

/**
 * Self-ensemble (Timofte et al., "Seven ways to improve example-based single image super resolution", CVPR 2016): the mean
 * of what is made of all turned forms of an image, each turned back.
 * @param run makes images from the form that a symmetry yields; the same number each time
 */
export async function overSymmetries(run: (which: Symmetry) => Promise<readonly Image[]>): Promise<Image[]> {
  const sums: Image[] = []
  for (const which of SYMMETRIES)
    for (const [i, image] of (await run(which)).entries()) {
      const back = turned(image, inverse(which))
      const sum = (sums[i] ??= { ...back, data: new Float32Array(back.data.length) })
      for (let j = 0; j < sum.data.length; j++) sum.data[j]! += back.data[j]! / SYMMETRIES.length
    }
  return sums
}
