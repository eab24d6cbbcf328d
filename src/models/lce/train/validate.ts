/** Quality on held-out photographs while training: crops of their middle, with blurs across Gaussian8. */
import { InputError } from '../../../errors.ts'
import { readImage } from '../../../image/codec.ts'
import { clearLow, degrade, gaussian8 } from '../../../image/degrade.ts'
import { cut, type Image } from '../../../image/image.ts'
import { psnrOfSamples, quality } from '../../../image/metrics.ts'
import { type Feeds, openSession } from '../../../nn/session.ts'
import type { LceConfig } from '../config.ts'
import { filterCorrected } from '../filter.ts'
import { CLR, LR, lceGraph } from '../network.ts'
import { listImages } from './corpus.ts'

/** Side of the low-resolution crops; a multiple of the window. */
const SIDE = 64

interface Sample {
  readonly high: Image
  readonly lr: Image
  readonly clear: Image
  /** What goes into the network as the corrected image, if it comes from outside. */
  readonly clr?: Image
}

export interface Validation {
  /** @returns mean PSNR on Y of the result, and over RGB of the corrected image, in dB */
  measure(weights: Feeds): Promise<{ psnr: number; clrPsnr: number }>
  release(): Promise<void>
}

/**
 * @param dir at least one image of `SIDE * scale` pixels a side; smaller ones are left out
 * @throws InputError if there is none
 */
export async function openValidation(dir: string, config: LceConfig, threads: number): Promise<Validation> {
  const samples = await readSamples(dir, config)
  const { sr, clr } = lceGraph(config, SIDE, SIDE)
  const session = await openSession({ sr, corrected: clr }, { threads })
  return {
    async measure(weights) {
      const total = { psnr: 0, clrPsnr: 0 }
      for (const sample of samples) {
        const images = { [LR]: sample.lr.data, ...(sample.clr && { [CLR]: sample.clr.data }) }
        const out = await session.run({ ...weights, ...images })
        total.psnr += quality({ ...sample.high, data: out.sr }, sample.high, config.scale).psnr
        total.clrPsnr += psnrOfSamples({ ...sample.clear, data: out.corrected }, sample.clear)
      }
      return { psnr: total.psnr / samples.length, clrPsnr: total.clrPsnr / samples.length }
    },
    release: () => session.release(),
  }
}

async function readSamples(dir: string, config: LceConfig): Promise<Sample[]> {
  const side = SIDE * config.scale
  const sigmas = gaussian8(config.scale)
  const samples: Sample[] = []
  for (const [i, path] of listImages(dir).entries()) {
    const photo = await readImage(path)
    if (Math.min(photo.width, photo.height) < side) continue
    const [left, top] = [Math.floor((photo.width - side) / 2), Math.floor((photo.height - side) / 2)]
    const high = cut(photo, { left, top, width: side, height: side })
    const sigma = sigmas[i % sigmas.length]!
    const [lr, clear] = [degrade(high, config.scale, sigma), clearLow(high, config.scale)]
    samples.push({ high, lr, clear, clr: outside(config, lr, clear, sigma) })
  }
  if (samples.length === 0) throw new InputError(dir, `an image of at least ${side} pixels a side`, 'none')
  return samples
}

/** The corrected image of a network that has no Corrector of its own. */
function outside({ corrector, scale }: LceConfig, lr: Image, clear: Image, sigma: number): Image | undefined {
  if (corrector === 'oracle') return clear
  return corrector === 'filter' ? filterCorrected(lr, scale, sigma) : undefined
}
