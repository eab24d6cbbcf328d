import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { method } from '../models/lce/config.ts'
import { lceGraph } from '../models/lce/network.ts'
import { type LceWeights, writeWeights } from '../models/lce/weights.ts'
import { SCALES } from './degrade.ts'
import { blank, cut, type Image } from './image.ts'
import { upscale } from './index.ts'
import { lceUpscaler, networkFor } from './network.ts'
import { resizeBicubic } from './resize.ts'
import { drawn, farthest, waves } from './testing.ts'
import { fittingTile, type Upscaler, upscalePicture, upscaleWith } from './upscale.ts'

const bicubic = (scale: number, more: Partial<Upscaler> = {}): Upscaler => ({
  scale,
  multiple: 8,
  bytesPerPixel: 1,
  open: async () => ({
    run: async tile => resizeBicubic(tile, tile.height * scale, tile.width * scale),
    release: async () => {},
  }),
  ...more,
})

const tiny: LceWeights = {
  config: { ...method, size: 'tiny', scale: 2 },
  tensors: lceGraph({ ...method, size: 'tiny', scale: 2 }, 8, 8).parameters.draw(5),
}

test('bicubic enlargement tiled is bicubic enlargement, inside', async () => {
  const image = waves(120, 70)
  const out = await upscaleWith(bicubic(3), image, { tile: 64 })
  const expected = resizeBicubic(image, 210, 360)
  expect([out.width, out.height]).toEqual([360, 210])
  // Edges are repeated here and mirrored there, so the outermost two pixels may differ a little.
  expect(farthest(out, expected)).toBeLessThan(0.02)
  const inside = { left: 6, top: 6, width: 348, height: 198 }
  expect(farthest(cut(out, inside), cut(expected, inside))).toBeLessThan(1e-5)
})

test('tiles of a network with attention and spectra leave no seams', async () => {
  const image = waves(100, 40)
  const [tiled, whole] = await Promise.all(
    [64, 192].map(tile => upscaleWith(lceUpscaler(tiny, 1), image, { tile })),
  )
  // Fresh weights mix far places more than trained ones; half a level of 8 bits is not seen.
  expect(farthest(tiled!, whole!)).toBeLessThan(0.5 / 255)
  expect(farthest(whole!, resizeBicubic(image, 80, 200))).toBeGreaterThan(0.01)
})

test('every scale has a network, others are refused', () => {
  for (const scale of SCALES) expect(networkFor(scale).config.scale).toBe(scale)
  expect(() => networkFor(5)).toThrow(
    /scale: expected one that a network comes with the package for, .*got 5/,
  )
})

test('tiles of trained networks agree about the blur', async () => {
  // Fine and coarse by turns: tiles of their own would judge differently.
  const image = drawn(160, 48, 3, (c, y, x) => {
    const fine = x < 80 ? 0.15 * Math.sin(x * 1.3 + y * 0.9 + c) : 0
    return 0.5 + fine + 0.2 * Math.sin(x / 4 + c) * Math.cos(y / 5)
  })
  const embedded = lceUpscaler(networkFor(4), 1)
  const [apart, tiled, whole] = await Promise.all([
    upscaleWith({ ...embedded, survey: undefined }, image, { tile: 80 }),
    upscaleWith(embedded, image, { tile: 80 }),
    upscaleWith(embedded, image, { tile: 192 }),
  ])
  expect(farthest(tiled, whole)).toBeLessThan(farthest(apart, whole) / 10)
  // Photographs in tiles this small differ by two levels of 8 bits at most; these waves are harder.
  expect(farthest(tiled, whole)).toBeLessThan(3 / 255)
})

test('a survey sees every tile before one is enlarged', async () => {
  const events: string[] = []
  const upscaler = bicubic(2, {
    survey: async (height, width) => ({
      see: async tile => void events.push(`see ${tile.height} x ${tile.width}`),
      open: async () => {
        events.push('open')
        return bicubic(2).open(height, width)
      },
      release: async () => void events.push('release'),
    }),
  })
  const stages: string[] = []
  await upscaleWith(upscaler, waves(50, 20), {
    tile: 64,
    onProgress: ({ stage, done, total }) => void stages.push(`${stage} ${done}/${total}`),
  })
  expect(events).toEqual(['see 56 x 64', 'see 56 x 64', 'open', 'release'])
  expect(stages).toEqual(['looking 0/2', 'looking 1/2', 'upscaling 0/2', 'upscaling 1/2', 'upscaling 2/2'])
  events.length = 0
  await upscaleWith(upscaler, waves(30, 20), { tile: 64 })
  expect(events).toEqual([])
})

test('an ensemble is the mean over turned forms', async () => {
  const image = waves(30, 20)
  const stages = new Set<string>()
  // Leans to the right by a pixel: turned back, the eight lean everywhere alike.
  const leaning = bicubic(2, {
    open: async (height, width) => {
      const { run, release } = await bicubic(2).open(height, width)
      const lean = ({ data, ...rest }: Image) => ({
        ...rest,
        data: data.map((_, i) => data[Math.max(0, i - 1)]!),
      })
      return { run: async tile => lean(await run(tile)), release }
    },
  })
  const onProgress = ({ stage }: { stage: string }) => void stages.add(stage)
  const [one, mean] = [
    await upscaleWith(leaning, image),
    await upscaleWith(leaning, image, { ensemble: true, onProgress }),
  ]
  const plain = await upscaleWith(bicubic(2), image)
  expect([mean.width, mean.height]).toEqual([60, 40])
  const distance = (a: Image) => a.data.reduce((sum, v, i) => sum + Math.abs(v - plain.data[i]!), 0)
  expect(distance(mean)).toBeLessThan(distance(one) / 3)
  expect([...stages]).toEqual(Array.from({ length: 8 }, (_, i) => `upscaling, ${i + 1} of 8`))
})

describe('images of every kind', () => {
  test.each([
    [1, 1],
    [1, 40],
    [7, 3],
  ])('%i x %i pixels', async (width, height) => {
    const out = await upscaleWith(lceUpscaler(tiny, 1), waves(width, height))
    expect([out.width, out.height]).toEqual([2 * width, 2 * height])
    expect(out.data.every(v => v >= 0 && v <= 1)).toBe(true)
  })

  test('grey stays one channel', async () => {
    const image = waves(20, 20, 1)
    const out = await upscaleWith(bicubic(2), image)
    expect(out.channels).toBe(1)
    expect(farthest(out, resizeBicubic(image, 40, 40))).toBeLessThan(0.02)
  })

  test('alpha is enlarged apart, the rest of the picture stays', async () => {
    const alpha = drawn(16, 16, 1, (_c, _y, x) => (x < 8 ? 0 : 1))
    const exif = Buffer.from('II')
    const out = await upscalePicture(bicubic(2), {
      colour: waves(16, 16),
      alpha,
      depth: 16,
      format: 'png',
      exif,
    })
    expect(out).toMatchObject({ depth: 16, format: 'png', exif })
    expect([out.alpha!.width, out.alpha!.channels]).toEqual([32, 1])
    expect([out.alpha!.data[0], out.alpha!.data[31]]).toEqual([0, 1])
    expect(out.alpha!.data.every(v => v >= 0 && v <= 1)).toBe(true)
  })

  test('more pixels than the limit are refused before anything runs', async () => {
    const large = { width: 5000, height: 5000, channels: 1, data: new Float32Array(0) } as Image
    await expect(upscaleWith(bicubic(4), large)).rejects.toThrow(
      'image: expected at most 268435456 pixels when enlarged, got 20000 x 20000',
    )
  })
})

describe('memory', () => {
  test('tiles are as large as half the free memory holds', () => {
    const sides = [2 ** 30, 2 ** 25, 2 ** 23, 0].map(free =>
      fittingTile({ bytesPerPixel: 1000, multiple: 8 }, free),
    )
    expect(sides).toEqual([192, 96, 48, 48])
  })

  test('a run out of memory is tried again with smaller tiles', async () => {
    const sides: number[] = []
    const upscaler = bicubic(2, {
      open: async (height, width) => {
        sides.push(Math.max(height, width))
        if (Math.max(height, width) > 100) throw new Error('std::bad_alloc')
        return bicubic(2).open(height, width)
      },
    })
    const image = waves(200, 30)
    const out = await upscaleWith(upscaler, image, { tile: 192 })
    expect(sides.length).toBe(2)
    expect(farthest(out, resizeBicubic(image, 60, 400))).toBeLessThan(0.02)
    const hopeless = bicubic(2, { open: () => Promise.reject(new Error('out of memory')) })
    await expect(upscaleWith(hopeless, image)).rejects.toThrow('out of memory')
  })
})

describe('stopping', () => {
  test('between tiles, with the session released', async () => {
    const controller = new AbortController()
    let released = 0
    const upscaler = bicubic(2, {
      open: async (height, width) => ({
        ...(await bicubic(2).open(height, width)),
        release: async () => void released++,
      }),
    })
    const seen: string[] = []
    const work = upscaleWith(upscaler, blank(200, 200, 3), {
      tile: 64,
      signal: controller.signal,
      onProgress: ({ stage, done, total }) => {
        seen.push(`${stage} ${done}/${total}`)
        if (done === 2) controller.abort()
      },
    })
    await expect(work).rejects.toThrow('aborted')
    expect(seen).toEqual(['upscaling 0/64', 'upscaling 1/64', 'upscaling 2/64'])
    expect(released).toBe(1)
  })

  test('a tile without room is refused by name', async () => {
    await expect(upscaleWith(bicubic(2), blank(9, 9, 3), { tile: 40 })).rejects.toThrow(
      'tile: expected a multiple of 8, at least 48, got 40',
    )
  })
})

test('the library takes a file of weights, and refuses other scales', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'upscale-'))
  const weights = join(dir, 'model.safetensors')
  writeWeights(weights, tiny)
  const stages: string[] = []
  const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }) =>
    void stages.push(`${stage} ${done}/${total}`)
  const out = await upscale(waves(9, 8), { scale: 2, weights, onProgress })
  expect([out.width, out.height, out.channels]).toEqual([18, 16, 3])
  expect(stages).toEqual(['upscaling 0/1', 'upscaling 1/1'])
  await expect(upscale(waves(9, 8), { scale: 4, weights })).rejects.toThrow(
    'expected weights for scale 4, got',
  )
  await expect(upscale(waves(9, 8), { scale: 7 })).rejects.toThrow(
    'scale: expected one that a network comes with',
  )
  rmSync(dir, { recursive: true })
})

test('networks that need a corrected image from outside are refused', () => {
  expect(() => lceUpscaler({ ...tiny, config: { ...tiny.config, corrector: 'oracle' } })).toThrow(
    'weights: expected a network that needs nothing but the image, got one with corrector oracle',
  )
})
