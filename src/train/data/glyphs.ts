/**
 * A data set drawn in code: the ten digits from strokes, shifted, turned, sheared, scaled and noisy. Made of IEEE
 * additions, multiplications, divisions and square roots alone, so that a seed gives the same bytes everywhere.
 */
import { InputError } from '../../errors.ts'
import { type Random, seeded } from '../../nn/random.ts'
import { MAX_EXAMPLES } from '../sampling.ts'
import { assemble, type Dataset } from './dataset.ts'

export const GLYPH_SIZE = 12

type Point = readonly [x: number, y: number]

/** Polylines in [-1, 1]^2, y downwards. */
const DIGITS: readonly (readonly (readonly Point[])[])[] = [
  [
    [
      [-0.5, -0.6],
      [0, -0.9],
      [0.5, -0.6],
      [0.5, 0.6],
      [0, 0.9],
      [-0.5, 0.6],
      [-0.5, -0.6],
    ],
  ],
  [
    [
      [-0.35, -0.55],
      [0.05, -0.9],
      [0.05, 0.9],
    ],
    [
      [-0.35, 0.9],
      [0.4, 0.9],
    ],
  ],
  [
    [
      [-0.5, -0.55],
      [0, -0.9],
      [0.5, -0.55],
      [0.4, -0.05],
      [-0.5, 0.9],
      [0.55, 0.9],
    ],
  ],
  [
    [
      [-0.5, -0.8],
      [0.1, -0.9],
      [0.5, -0.5],
      [0, -0.05],
      [0.5, 0.4],
      [0.1, 0.9],
      [-0.5, 0.75],
    ],
  ],
  [
    [
      [0.3, 0.9],
      [0.3, -0.9],
      [-0.6, 0.35],
      [0.6, 0.35],
    ],
  ],
  [
    [
      [0.5, -0.9],
      [-0.4, -0.9],
      [-0.45, -0.1],
      [0.2, -0.15],
      [0.5, 0.35],
      [0.1, 0.9],
      [-0.5, 0.75],
    ],
  ],
  [
    [
      [0.4, -0.9],
      [-0.3, -0.35],
      [-0.5, 0.4],
      [0, 0.9],
      [0.5, 0.45],
      [0, 0.05],
      [-0.45, 0.3],
    ],
  ],
  [
    [
      [-0.55, -0.9],
      [0.55, -0.9],
      [-0.15, 0.9],
    ],
  ],
  [
    [
      [0, -0.05],
      [-0.45, -0.5],
      [0, -0.9],
      [0.45, -0.5],
      [0, -0.05],
      [-0.5, 0.45],
      [0, 0.9],
      [0.5, 0.45],
      [0, -0.05],
    ],
  ],
  [
    [
      [0.45, -0.3],
      [0, -0.05],
      [-0.5, -0.45],
      [0, -0.9],
      [0.5, -0.4],
      [0.3, 0.35],
      [-0.4, 0.9],
    ],
  ],
]

const uniform = (random: Random, low: number, high: number): number => low + (high - low) * random()

/** Distance from a point to a segment. */
const distance = ([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number => {
  const [dx, dy] = [bx - ax, by - ay]
  const along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)
  const t = Math.min(1, Math.max(0, along))
  const [ex, ey] = [x - ax - t * dx, y - ay - t * dy]
  return Math.sqrt(ex * ex + ey * ey)
}

/** One digit, GLYPH_SIZE^2 bytes. */
function draw(digit: number, random: Random): Uint8Array {
  // The half-angle's tangent gives sine and cosine without trigonometry: up to 20 degrees either way.
  const half = uniform(random, -0.176, 0.176)
  const cos = (1 - half * half) / (1 + half * half)
  const sin = (2 * half) / (1 + half * half)
  const shear = uniform(random, -0.2, 0.2)
  const [sx, sy] = [uniform(random, 0.75, 1.05), uniform(random, 0.75, 1)]
  const [ox, oy] = [uniform(random, -0.18, 0.18), uniform(random, -0.15, 0.15)]
  const thick = uniform(random, 0.05, 0.15)
  const ink = uniform(random, 170, 240)
  const place = ([px, py]: Point): Point => {
    const [x, y] = [sx * (px + shear * py), sy * py]
    return [0.85 * (cos * x - sin * y) + ox, 0.85 * (sin * x + cos * y) + oy]
  }
  const segments = (DIGITS[digit] ?? []).flatMap(line => {
    const points = line.map(place)
    return points.slice(1).map((end, i) => [points[i] as Point, end] as const)
  })
  const out = new Uint8Array(GLYPH_SIZE * GLYPH_SIZE)
  const pixel = 2 / GLYPH_SIZE
  for (let row = 0; row < GLYPH_SIZE; row++)
    for (let column = 0; column < GLYPH_SIZE; column++) {
      const at: Point = [(column + 0.5) * pixel - 1, (row + 0.5) * pixel - 1]
      let nearest = 2
      for (const [a, b] of segments) nearest = Math.min(nearest, distance(at, a, b))
      // Full ink within the stroke, none a pixel further out.
      const cover = Math.min(1, Math.max(0, (thick + pixel - nearest) / pixel))
      const value = ink * cover + uniform(random, -24, 24) + 12
      out[row * GLYPH_SIZE + column] = Math.min(255, Math.max(0, Math.floor(value)))
    }
  return out
}

/**
 * @param seed any integer; equal ones give equal data sets
 * @param count examples, 1 .. 2^20; example i shows the digit i mod 10
 */
export function glyphs(seed: number, count: number): Dataset {
  if (!Number.isInteger(count) || count < 1 || count > Math.min(2 ** 20, MAX_EXAMPLES))
    throw new InputError('count', 'an integer from 1 to 2^20', `${count}`)
  const random = seeded(seed, 0x676c7970)
  const size = GLYPH_SIZE * GLYPH_SIZE
  const pixels = new Uint8Array(count * size)
  const labels = Array.from({ length: count }, (_, i) => i % 10)
  labels.forEach((digit, i) => {
    pixels.set(draw(digit, random), i * size)
  })
  return { ...assemble('glyphs', [count, GLYPH_SIZE, GLYPH_SIZE], pixels, labels), classes: 10 }
}
