/** The networks of blind super-resolution as upscalers, and the weights that come with the package. */
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InputError } from '../errors.ts'
import { extents, judgesBlur, type LceConfig, method, SIZES, WINDOW } from '../models/lce/config.ts'
import { type BlurEvidence, judgeBlur, openLce, openWitness } from '../models/lce/model.ts'
import { type LceWeights, readWeights } from '../models/lce/weights.ts'
import type { Survey, TileRun, Upscaler } from './upscale.ts'

/** Where the package's networks lie; the same from the sources as from the build. */
export const EMBEDDED = fileURLToPath(new URL('../../models/lce', import.meta.url))

/** Bytes that a run takes for each feature of a low-resolution pixel: attention, spectra, and the runtime's buffers. */
const BYTES_PER_FEATURE = 300

/** @throws InputError if the network needs a corrected image from outside */
export function lceUpscaler(weights: LceWeights, threads = availableParallelism()): Upscaler {
  const { config } = weights
  if (config.corrector === 'oracle' || config.corrector === 'filter')
    throw new InputError(
      'weights',
      'a network that needs nothing but the image',
      `one with corrector ${config.corrector}`,
    )
  return {
    scale: config.scale,
    multiple: WINDOW,
    bytesPerPixel: BYTES_PER_FEATURE * extents[config.size].channels,
    open: (height, width) => openTiles(weights, threads, height, width),
    ...(judgesBlur(config) && { survey: (height, width) => surveyBlur(weights, threads, height, width) }),
  }
}

async function openTiles(
  weights: LceWeights,
  threads: number,
  height: number,
  width: number,
  judged?: Float32Array,
): Promise<TileRun> {
  const session = await openLce(weights, height, width, threads, judged)
  return {
    run: async tile => {
      const { sr } = await session.run(tile)
      // Clamped, they would be a black image.
      if (!sr.data.every(Number.isFinite))
        throw new InputError('weights', 'finite samples of the result', 'others')
      return sr
    },
    release: () => session.release(),
  }
}

/** The blur is one for the whole image; tiles that judged it by themselves would differ in sharpness. */
async function surveyBlur(
  weights: LceWeights,
  threads: number,
  height: number,
  width: number,
): Promise<Survey> {
  const witness = await openWitness(weights, height, width, threads)
  const seen: BlurEvidence[] = []
  return {
    see: async tile => void seen.push(await witness.look(tile)),
    open: async () => openTiles(weights, threads, height, width, await judgeBlur(weights, seen)),
    release: () => witness.release(),
  }
}

/**
 * The first network in a folder of networks that is as wanted, smaller sizes before larger ones.
 * @param wanted fields that are absent or undefined may be anything
 * @returns undefined if there is none
 */
export function findWeights(folder: string, wanted: Partial<LceConfig>): LceWeights | undefined {
  const found = listWeights(folder)
    .map(path => readWeights(path))
    .filter(({ config }) =>
      Object.entries(wanted).every(([key, v]) => v === undefined || config[key as keyof LceConfig] === v),
    )
  return found.sort((a, b) => SIZES.indexOf(a.config.size) - SIZES.indexOf(b.config.size))[0]
}

/** Every `NAME.safetensors` and `NAME/model.safetensors` of a folder, by name. */
function listWeights(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map(name =>
      name.endsWith('.safetensors') ? join(folder, name) : join(folder, name, 'model.safetensors'),
    )
    .filter(path => existsSync(path))
}

/**
 * The network for a scale: from a file, or the one that comes with the package.
 * @throws InputError if the file is of another scale or no network, or none comes with the package
 */
export function networkFor(scale: number, file?: string): LceWeights {
  if (file !== undefined) {
    const weights = readWeights(file)
    if (weights.config.scale !== scale)
      throw new InputError(file, `weights for scale ${scale}`, `weights for scale ${weights.config.scale}`)
    return weights
  }
  const found = findWeights(EMBEDDED, { ...method, scale: scale as LceConfig['scale'] })
  if (!found)
    throw new InputError('scale', 'one that a network comes with the package for, or --weights', `${scale}`)
  return found
}
