/** What the tests of images share. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readImage } from './codec.ts'
import type { Scale } from './degrade.ts'
import { blank, type Image } from './image.ts'

/** An image whose samples are a function of channel, row and column. */
export function drawn(
  width: number,
  height: number,
  channels: number,
  f: (c: number, y: number, x: number) => number,
): Image {
  const image = blank(width, height, channels)
  for (let c = 0, i = 0; c < channels; c++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++, i++) image.data[i] = f(c, y, x)
  return image
}

/** Smooth and different in every channel, within [0, 1]. */
export const waves = (width: number, height: number, channels = 3): Image =>
  drawn(
    width,
    height,
    channels,
    (c, y, x) => 0.5 + 0.2 * Math.sin(x / 3 + c) + 0.2 * Math.cos(y / 5 - (c * x) / 40),
  )

/** The largest difference of two images of one shape. */
export function farthest(a: Image, b: Image): number {
  if (a.data.length !== b.data.length || a.width !== b.width) return Number.POSITIVE_INFINITY
  return a.data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b.data[i]!)), 0)
}

/** The folder of a test set below PROOFMARK_DATA or ../shared/data; undefined, with a notice, where it is missing. */
export function testSet(name: string): string | undefined {
  const root = process.env.PROOFMARK_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url))
  const path = join(root, name)
  if (existsSync(path)) return path
  console.warn(`skipped: no test set ${name} in ${root}; set PROOFMARK_DATA to the folder that holds it`)
  return undefined
}

/** Readers of the images of a folder. */
export const imagesOf = (folder: string): (() => Promise<Image>)[] =>
  readdirSync(folder)
    .sort()
    .filter(name => name.endsWith('.png'))
    .map(name => () => readImage(join(folder, name)))

/** PSNR and SSIM of bicubic enlargement on Gaussian8, as published. */
export const BICUBIC: Readonly<Record<string, Readonly<Record<Scale, readonly [number, number]>>>> = {
  set5: { 2: [30.36, 0.8721], 3: [27.52, 0.7909], 4: [25.87, 0.7301] },
  set14: { 2: [27.73, 0.783], 3: [25.53, 0.6843], 4: [24.3, 0.6253] },
  bsd100: { 2: [27.38, 0.7482], 3: [25.58, 0.6494], 4: [24.6, 0.5949] },
}
