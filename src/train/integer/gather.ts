/** The gather of a stage (pool, pad, unfold) and its adjoint, on whole batches. */
import type { Gather, Stage } from '../network.ts'

/** For each position and tap the pixel of the pooled image, -1 outside: [P, K]. */
const tapsOf = (g: Gather): Int32Array => {
  const rows = g.height / g.pool
  const columns = g.width / g.pool
  const taps = new Int32Array(g.outHeight * g.outWidth * g.kernelHeight * g.kernelWidth)
  let at = 0
  for (let py = 0; py < g.outHeight; py++) {
    for (let px = 0; px < g.outWidth; px++) {
      for (let ky = 0; ky < g.kernelHeight; ky++) {
        for (let kx = 0; kx < g.kernelWidth; kx++) {
          const y = py * g.stride + ky - g.padding
          const x = px * g.stride + kx - g.padding
          taps[at++] = y >= 0 && y < rows && x >= 0 && x < columns ? y * columns + x : -1
        }
      }
    }
  }
  return taps
}

/** For each pixel its square of the pooled image: [Q]. */
const squaresOf = (g: Gather): Int32Array => {
  const columns = g.width / g.pool
  return Int32Array.from({ length: g.height * g.width }, (_, q) => {
    const y = Math.floor(q / g.width / g.pool)
    return y * columns + Math.floor((q % g.width) / g.pool)
  })
}

export class Unfolding {
  readonly #stage: Stage
  readonly #taps: Int32Array
  readonly #squares: Int32Array
  /** Pixels of the pooled image. */
  readonly #size: number

  constructor(stage: Stage, gather: Gather) {
    this.#stage = stage
    this.#taps = tapsOf(gather)
    this.#squares = squaresOf(gather)
    this.#size = (gather.height * gather.width) / gather.pool ** 2
  }

  /** u [B, P, C, K] of a [B, C, Q]. */
  apply(a: Int32Array, u: Int32Array): void {
    const { inChannels, positions, taps } = this.#stage
    const pooled = this.#pool(a)
    const size = this.#size
    let at = 0
    for (let image = 0; image < pooled.length; image += inChannels * size) {
      for (let p = 0; p < positions; p++) {
        for (let channel = image; channel < image + inChannels * size; channel += size) {
          for (let tap = p * taps; tap < (p + 1) * taps; tap++, at++) {
            const pixel = this.#taps[tap] as number
            u[at] = pixel < 0 ? 0 : (pooled[channel + pixel] as number)
          }
        }
      }
    }
  }

  /** The adjoint: [B, C, Q] from du [C K, B P], exact sums of integers. */
  adjoint(du: Float64Array, batch: number): Float64Array {
    const { inChannels, positions, taps } = this.#stage
    const size = this.#size
    const pooled = new Float64Array(batch * inChannels * size)
    let at = 0
    for (let c = 0; c < inChannels; c++) {
      for (let k = 0; k < taps; k++) {
        for (let b = 0; b < batch; b++) {
          const image = (b * inChannels + c) * size
          for (let p = 0; p < positions; p++, at++) {
            const pixel = this.#taps[p * taps + k] as number
            if (pixel >= 0) pooled[image + pixel] = (pooled[image + pixel] as number) + (du[at] as number)
          }
        }
      }
    }
    return this.#unpool(pooled)
  }

  /** Sums over the squares of each image. */
  #pool(a: Int32Array): Int32Array {
    if (this.#size === this.#stage.inPositions) return a
    const out = new Int32Array((a.length / this.#stage.inPositions) * this.#size)
    let at = 0
    for (let image = 0; image < out.length; image += this.#size) {
      for (const square of this.#squares) {
        out[image + square] = (out[image + square] as number) + (a[at++] as number)
      }
    }
    return out
  }

  #unpool(pooled: Float64Array): Float64Array {
    if (this.#size === this.#stage.inPositions) return pooled
    const out = new Float64Array((pooled.length / this.#size) * this.#stage.inPositions)
    let at = 0
    for (let image = 0; image < pooled.length; image += this.#size) {
      for (const square of this.#squares) out[at++] = pooled[image + square] as number
    }
    return out
  }
}

/** [J, I, length] of a tensor [I, J, length]. */
export const swapped = <A extends Int32Array | Float64Array>(
  x: A,
  rows: number,
  columns: number,
  length: number,
): A => {
  const out = new (x.constructor as new (length: number) => A)(x.length)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const [from, to] = [(i * columns + j) * length, (j * rows + i) * length]
      for (let k = 0; k < length; k++) out[to + k] = x[from + k] as number
    }
  }
  return out
}
