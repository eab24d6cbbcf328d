/** Symmetric filters where their window fits: the inner loops of blur and SSIM. Four pixels a turn hide the latency of adding. */

/** Pixels that the loops may read or write beyond the end. */
const SLACK = 3

/**
 * Filters both axes with the same symmetric taps, of odd number n.
 * @param data `[height, width]`
 * @returns `[height - n + 1, width - n + 1]`
 */
export function slideTaps(
  data: ArrayLike<number>,
  width: number,
  height: number,
  taps: Float64Array,
): Float64Array {
  const n = taps.length
  const [w, h] = [width - n + 1, height - n + 1]
  const input = withSlack(data)
  const column = new Float64Array(width + SLACK)
  const out = new Float64Array(w * h + SLACK)
  for (let y = 0; y < h; y++) {
    fold(input, y * width, width, taps, column, 0, width)
    fold(column, 0, 1, taps, out, y * w, w)
  }
  return out.subarray(0, w * h)
}

/** `out[to + x] = sum_t taps[t] input[from + x + t stride]` for x below `count`, and up to three more. */
function fold(
  input: Float64Array,
  from: number,
  stride: number,
  taps: Float64Array,
  out: Float64Array,
  to: number,
  count: number,
): void {
  const half = (taps.length - 1) / 2
  const centre = taps[half]!
  for (let x = 0; x < count; x += 4) {
    const m = from + x + half * stride
    let s0 = centre * input[m]!
    let s1 = centre * input[m + 1]!
    let s2 = centre * input[m + 2]!
    let s3 = centre * input[m + 3]!
    for (let t = 0, a = from + x, b = a + 2 * half * stride; t < half; t++, a += stride, b -= stride) {
      const w = taps[t]!
      s0 += w * (input[a]! + input[b]!)
      s1 += w * (input[a + 1]! + input[b + 1]!)
      s2 += w * (input[a + 2]! + input[b + 2]!)
      s3 += w * (input[a + 3]! + input[b + 3]!)
    }
    out[to + x] = s0
    out[to + x + 1] = s1
    out[to + x + 2] = s2
    out[to + x + 3] = s3
  }
}

/**
 * Filters with a kernel that is symmetric under a half turn, of odd side n.
 * @param data `[height, width]`
 * @param weights `[n, n]`
 * @returns `[height - n + 1, width - n + 1]`
 */
export function slideKernel(
  data: ArrayLike<number>,
  width: number,
  height: number,
  weights: Float64Array,
): Float64Array {
  const n = Math.sqrt(weights.length)
  const [w, h] = [width - n + 1, height - n + 1]
  const input = withSlack(data)
  const out = new Float64Array(w * h + SLACK)
  // Up to the centre in row-major order; each weight also stands at the place turned about the centre.
  const half = (weights.length - 1) / 2
  const offset = Int32Array.from({ length: half + 1 }, (_, i) => Math.floor(i / n) * width + (i % n))
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x += 4) {
      const first = y * width + x
      const last = first + (n - 1) * (width + 1)
      const m = first + offset[half]!
      let s0 = weights[half]! * input[m]!
      let s1 = weights[half]! * input[m + 1]!
      let s2 = weights[half]! * input[m + 2]!
      let s3 = weights[half]! * input[m + 3]!
      for (let i = 0; i < half; i++) {
        const a = first + offset[i]!
        const b = last - offset[i]!
        const v = weights[i]!
        s0 += v * (input[a]! + input[b]!)
        s1 += v * (input[a + 1]! + input[b + 1]!)
        s2 += v * (input[a + 2]! + input[b + 2]!)
        s3 += v * (input[a + 3]! + input[b + 3]!)
      }
      out.set([s0, s1, s2, s3], y * w + x)
    }
  }
  return out.subarray(0, w * h)
}

function withSlack(data: ArrayLike<number>): Float64Array {
  const out = new Float64Array(data.length + SLACK)
  out.set(data)
  return out
}
