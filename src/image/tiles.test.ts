import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as G from '../nn/graph.ts'
import { openSession } from '../nn/session.ts'
import type { Image } from './image.ts'
import { farthest, waves } from './testing.ts'
import { divide, mapTiles, type TileShape } from './tiles.ts'

const shape: TileShape = { side: 48, margin: 8, feather: 8, multiple: 8 }

/** The whole image as one tile. */
const whole: TileShape = { ...shape, side: 512 }

const nearest =
  (scale: number) =>
  async ({ width, height, channels, data }: Image): Promise<Image> => {
    const out = new Float32Array(data.length * scale * scale)
    for (let i = 0; i < out.length; i++) {
      const [row, x] = [Math.floor(i / (width * scale)), Math.floor((i % (width * scale)) / scale)]
      out[i] = data[Math.floor(row / scale) * width + x]!
    }
    return { width: width * scale, height: height * scale, channels, data: out }
  }

describe('divide', () => {
  test('one tile where the image fits, of just the size needed', () => {
    expect(divide(30, shape)).toEqual({ count: 1, step: 24, core: 32 })
    expect(divide(1, shape)).toEqual({ count: 1, step: 0, core: 8 })
  })

  test('tiles are equal, reach the end and overlap by the feather', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 4, max: 20 }), (length, windows) => {
        const { count, step, core } = divide(length, { ...shape, side: 8 * windows })
        expect(core + 16).toBeLessThanOrEqual(8 * windows)
        expect(core - step).toBe(8)
        expect([core % 8, step % 8]).toEqual([0, 0])
        expect((count - 1) * step + core).toBeGreaterThanOrEqual(length)
        // Every tile has something to show that the one before it has not.
        if (count > 1) expect((count - 2) * step + core).toBeLessThan(length)
      }),
    )
  })

  test('sides without room', () => {
    expect(() => divide(100, { ...shape, side: 24 })).toThrow(
      'tile: expected a multiple of 8, at least 32, got 24',
    )
    expect(() => divide(100, { ...shape, side: 50 })).toThrow(
      'tile: expected a multiple of 8, at least 32, got 50',
    )
  })
})

test('what every pixel determines alone is not changed by tiling', async () => {
  for (const [width, height] of [
    [100, 70],
    [33, 9],
    [1, 1],
    [32, 64],
  ] as const) {
    const image = waves(width, height)
    expect(farthest(await mapTiles(image, 2, shape, nearest(2)), await nearest(2)(image))).toBeLessThan(1e-6)
  }
})

test('a convolutional network gives the same tiled as whole', async () => {
  const image = waves(101, 75)
  const weights = { a: wild(8 * 3 * 5 * 5), b: wild(3 * 8 * 3 * 3) }
  const run = async (tile: Image): Promise<Image> => {
    const x = G.input('x', [1, 3, tile.height, tile.width])
    const hidden = G.relu(G.conv(x, G.input('a', [8, 3, 5, 5]), 2))
    const y = G.conv(hidden, G.input('b', [3, 8, 3, 3]), 1)
    const session = await openSession({ y })
    const out = (await session.run({ x: tile.data, ...weights })).y
    await session.release()
    return nearest(2)({ ...tile, data: out })
  }
  let tiles = 0
  const tiled = await mapTiles(image, 2, shape, run, done => {
    tiles = done
  })
  expect(tiles).toBe(12)
  const one = await mapTiles(image, 2, whole, run)
  expect(farthest(tiled, one)).toBeLessThan(1e-5)
  // The network does something.
  expect(farthest(one, await nearest(2)(image))).toBeGreaterThan(0.1)
})

/** Numbers of either sign without a pattern. */
const wild = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i + 1) / 6)

test('neighbours that disagree fade into each other', async () => {
  // Each tile is a constant of its own: no step may exceed that of the ramp.
  let tile = 0
  const out = await mapTiles(waves(88, 24, 1), 2, shape, async image => {
    const flat = await nearest(2)(image)
    flat.data.fill(tile++ % 2)
    return flat
  })
  expect(tile).toBe(4)
  for (let x = 1; x < out.width; x++)
    expect(Math.abs(out.data[x]! - out.data[x - 1]!)).toBeLessThan(1 / 16 + 1e-6)
})
