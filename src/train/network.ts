/**
 * A training network as stages: gather (pool, pad, unfold), contract with the weights, rescale, ReLU. Fully connected
 * layers are stages of one position. All shapes, scales and ranges follow from the description (spec/training.md).
 */
import { InputError } from '../errors.ts'
import type { LayerConfig, TrainingConfig } from './config.ts'
import { checkGathers } from './limits.ts'

/** Pixels are bytes: 2^-8 units in [0, 256). */
export const PIXEL_SCALE = 8

/**
 * u[p, k] = sum of a[q] over the pool of the pixel that tap k of position p reads; outside the image nothing.
 * Rows and columns alike; p = (py, px), k = (ky, kx), q = (qy, qx), row-major.
 */
export interface Gather {
  readonly height: number
  readonly width: number
  readonly pool: number
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly stride: number
  readonly padding: number
  readonly outHeight: number
  readonly outWidth: number
}

export interface Stage {
  readonly name: string
  readonly index: number
  /** Channels and positions of the activations it reads: [C, Q]. */
  readonly inChannels: number
  readonly inPositions: number
  /** Absent where every position is one tap: u = a, P = 1, K = Q. */
  readonly gather: Gather | undefined
  /** Output positions P, taps K, units O: z[o, p] = sum_{c, k} u[p, c, k] w[o, c, k] + bias[o]. */
  readonly positions: number
  readonly taps: number
  readonly units: number
  /** Whether zkReLU follows; the last stage gives logits. */
  readonly relu: boolean
  /** log2 of the units per 1.0: of the gathered input, of the 16-bit weights, of the full weights. */
  readonly inputScale: number
  readonly weightScale: number
  readonly fineScale: number
  /** Bits of the full weights below the 16: w = 2^lowBits hi + lo. */
  readonly lowBits: number
  /** Fractional bits of a decay: the least lowBits of all stages. */
  readonly decayBits: number
  /** Of z and the activation behind it. */
  readonly outputScale: number
  /** Of the gradient of z. */
  readonly gradientScale: number
  /** Fractional bits of lr / B: fineScale - inputScale - gradientScale, everywhere the same. */
  readonly rateScale: number
  /** 0 <= u <= inputBound. */
  readonly inputBound: number
  /** The shift from the accumulator to z. */
  readonly shift: number
  /** The shift from the accumulator of the input's gradient to the stage before; 0 for the first. */
  readonly backShift: number
}

export interface Network {
  readonly stages: readonly Stage[]
  /** Values of one example. */
  readonly features: number
}

/** Groups the layers into stages. @throws InputError naming the layer that does not fit */
export const planNetwork = (config: TrainingConfig): Network => {
  const { precision, input } = config
  const stages: Stage[] = []
  let channels = input.channels
  let height = input.height
  let width = input.width
  let pool = 1
  let awaitsRelu: string | undefined
  const refuse = (at: string, expected: string, got: string): never => {
    throw new InputError(at, expected, got)
  }
  const add = (
    at: string,
    kind: 'dense' | 'conv',
    units: number,
    gather: Gather | undefined,
    kernel: { positions: number; taps: number },
  ): void => {
    const first = stages.length === 0
    const poolBits = 2 * Math.log2(pool)
    const inputScale = (first ? PIXEL_SCALE : precision.activationScale) + poolBits
    const { rateScale } = precision
    const fineScale = inputScale + precision.gradientScale + rateScale
    const lowBits = fineScale - precision.weightScale
    if (lowBits < 1 || lowBits > 30) {
      refuse(
        `${at}: precision`,
        'rateScale + gradientScale + the scale of the input 1 to 30 above weightScale',
        `${lowBits} above`,
      )
    }
    const outputScale = precision.activationScale
    stages.push({
      name: `${kind}${stages.length + 1}`,
      index: stages.length,
      inChannels: channels,
      inPositions: height * width,
      gather,
      positions: kernel.positions,
      taps: kernel.taps,
      units,
      relu: true,
      inputScale,
      weightScale: precision.weightScale,
      fineScale,
      lowBits,
      decayBits: lowBits,
      outputScale,
      gradientScale: precision.gradientScale,
      rateScale,
      inputBound: (first ? 255 : 2 ** precision.activationBits - 1) * pool * pool,
      shift: inputScale + fineScale - outputScale,
      backShift: first ? 0 : fineScale + poolBits,
    })
    pool = 1
  }
  config.layers.forEach((layer: LayerConfig, i) => {
    const at = `layers[${i}]`
    if (layer.kind === 'relu') {
      if (!awaitsRelu) refuse(at, 'a dense or conv layer before relu', 'relu')
      awaitsRelu = undefined
      return
    }
    if (awaitsRelu) refuse(at, `relu behind ${awaitsRelu}`, layer.kind)
    if (layer.kind === 'averagePool') {
      pool *= layer.size
      if (height % pool !== 0 || width % pool !== 0)
        refuse(at, `an image that squares of ${pool} tile`, `${height}x${width}`)
      return
    }
    const shared = { height, width, pool, stride: 1, padding: 0 }
    if (layer.kind === 'dense') {
      const kernelHeight = height / pool
      const kernelWidth = width / pool
      const gather =
        pool === 1 ? undefined : { ...shared, kernelHeight, kernelWidth, outHeight: 1, outWidth: 1 }
      add(at, 'dense', layer.units, gather, { positions: 1, taps: kernelHeight * kernelWidth })
      channels = layer.units
      height = 1
      width = 1
    } else {
      const { kernel, stride, padding } = layer
      const reach = (size: number): number => Math.floor((size / pool + 2 * padding - kernel) / stride) + 1
      const [outHeight, outWidth] = [reach(height), reach(width)] as const
      if (outHeight < 1 || outWidth < 1)
        refuse(at, 'a kernel within the padded image', `${kernel} on ${height / pool}x${width / pool}`)
      const gather = {
        ...shared,
        kernelHeight: kernel,
        kernelWidth: kernel,
        stride,
        padding,
        outHeight,
        outWidth,
      }
      add(at, 'conv', layer.channels, gather, { positions: outHeight * outWidth, taps: kernel * kernel })
      channels = layer.channels
      height = outHeight
      width = outWidth
    }
    awaitsRelu = layer.kind
  })
  const last = stages.at(-1)
  if (!last || awaitsRelu !== 'dense' || pool !== 1) {
    throw new InputError(
      'layers',
      'a dense layer, without relu, at the end',
      config.layers.at(-1)?.kind ?? 'none',
    )
  }
  if (last.units !== config.classes)
    refuse('layers', `${config.classes} units, one a class, at the end`, `${last.units}`)
  stages[stages.length - 1] = { ...last, relu: false }
  checkGathers(stages)
  const decayBits = Math.min(...stages.map(s => s.lowBits))
  return {
    stages: stages.map(s => ({ ...s, decayBits })),
    features: input.channels * input.height * input.width,
  }
}

/** The pairs (p k, q) that a gather joins: for each p and k, row-major, its pixels q. */
export const gatherPixels = (g: Gather): number[][] => {
  const out: number[][] = []
  const rows = g.height / g.pool
  const columns = g.width / g.pool
  for (let py = 0; py < g.outHeight; py++) {
    for (let px = 0; px < g.outWidth; px++) {
      for (let ky = 0; ky < g.kernelHeight; ky++) {
        for (let kx = 0; kx < g.kernelWidth; kx++) {
          const y = py * g.stride + ky - g.padding
          const x = px * g.stride + kx - g.padding
          const pixels: number[] = []
          if (y >= 0 && y < rows && x >= 0 && x < columns) {
            for (let i = 0; i < g.pool; i++) {
              for (let j = 0; j < g.pool; j++) pixels.push((y * g.pool + i) * g.width + x * g.pool + j)
            }
          }
          out.push(pixels)
        }
      }
    }
  }
  return out
}
