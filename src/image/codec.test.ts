import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import {
  decodePicture,
  encodePicture,
  FORMATS,
  formatOf,
  type Picture,
  readImage,
  readPicture,
} from './codec.ts'
import { upright } from './exif.ts'
import { blank, type Image } from './image.ts'

const dir = mkdtempSync(join(tmpdir(), 'codec-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** Smooth and different in every channel, multiples of 1/peak. */
function gradient(width: number, height: number, channels: number, peak: number): Image {
  const image = blank(width, height, channels)
  for (let i = 0; i < image.data.length; i++) {
    const [c, y, x] = [Math.floor(i / (width * height)), Math.floor(i / width) % height, i % width]
    image.data[i] = Math.round(((x + 2 * y + 3 * c) / (width + 2 * height + 9)) * peak) / peak
  }
  return image
}

function farthest(a: Image, b: Image): number {
  expect([a.width, a.height, a.channels]).toEqual([b.width, b.height, b.channels])
  return a.data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b.data[i]!)), 0)
}

const red = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 20, b: 10 } } })

describe('lossless formats give back every sample', () => {
  const cases = (['png', 'tiff'] as const).flatMap(format =>
    ([8, 16] as const).flatMap(depth =>
      [1, 3].flatMap(channels => [false, true].map(alpha => [format, depth, channels, alpha] as const)),
    ),
  )
  test.each(cases)('%s, %i bits, %i channels, alpha %s', async (format, depth, channels, alpha) => {
    const peak = 2 ** depth - 1
    const picture: Picture = {
      colour: gradient(7, 5, channels, peak),
      alpha: alpha ? gradient(7, 5, 1, peak) : undefined,
      depth,
      format,
    }
    const back = await decodePicture(await encodePicture(picture))
    expect(back.depth).toBe(depth)
    expect(back.format).toBe(format)
    expect(farthest(back.colour, picture.colour)).toBe(0)
    if (alpha) expect(farthest(back.alpha!, picture.alpha!)).toBe(0)
    else expect(back.alpha).toBeUndefined()
  })
})

test('lossy formats stay close', async () => {
  for (const format of ['jpeg', 'webp'] as const) {
    const picture: Picture = { colour: gradient(40, 30, 3, 255), depth: 8, format }
    const back = await decodePicture(await encodePicture(picture))
    expect(back.format).toBe(format)
    expect(farthest(back.colour, picture.colour)).toBeLessThan(0.04)
  }
})

test('white shows through alpha in JPEG', async () => {
  const picture: Picture = { colour: blank(8, 8, 3), alpha: blank(8, 8, 1), depth: 8, format: 'jpeg' }
  expect((await decodePicture(await encodePicture(picture))).colour.data.every(v => v === 1)).toBe(true)
})

test('CMYK becomes RGB', async () => {
  const bytes = await red(8, 8).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer()
  expect((await sharp(bytes).metadata()).space).toBe('cmyk')
  const { colour } = await decodePicture(bytes)
  expect(colour.channels).toBe(3)
  expect(colour.data[0]).toBeGreaterThan(0.6)
  expect(colour.data[64]).toBeLessThan(0.3)
})

test('a palette becomes RGB', async () => {
  const bytes = await red(4, 4).png({ palette: true }).toBuffer()
  const { colour, alpha } = await decodePicture(bytes)
  expect([colour.data[0], colour.data[16], colour.data[32]]).toEqual(
    [200, 20, 10].map(v => Math.fround(v / 255)),
  )
  expect(alpha).toBeUndefined()
})

describe('metadata', () => {
  const turned = () =>
    red(8, 6)
      .withExif({ IFD0: { Artist: 'Ada' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()

  test('orientation is applied', async () => {
    const { colour } = await decodePicture(await turned())
    expect([colour.width, colour.height]).toEqual([6, 8])
  })

  test.each(['png', 'jpeg', 'webp'] as const)('EXIF goes along into %s, upright', async format => {
    const picture = await decodePicture(await turned())
    const meta = await sharp(await encodePicture({ ...picture, format })).metadata()
    expect(meta.exif!.includes('Ada')).toBe(true)
    expect(meta.orientation).toBe(1)
    expect([meta.width, meta.height]).toEqual([6, 8])
  })

  test('EXIF that makes no sense does not spoil the pixels', async () => {
    for (const exif of [Buffer.from('nonsense'), Buffer.from('II*\0\xff\xff\xff\xff', 'latin1')]) {
      const picture: Picture = {
        colour: gradient(6, 8, 3, 255),
        depth: 8,
        format: 'png',
        exif: upright(exif),
      }
      expect(farthest((await decodePicture(await encodePicture(picture))).colour, picture.colour)).toBe(0)
    }
  })

  test('16 bits stay 16 bits beside EXIF', async () => {
    const { exif } = await decodePicture(await turned())
    const picture: Picture = { colour: gradient(6, 8, 3, 65_535), depth: 16, format: 'png', exif }
    const back = await decodePicture(await encodePicture(picture))
    expect(back.depth).toBe(16)
    expect(farthest(back.colour, picture.colour)).toBe(0)
  })

  test.each(FORMATS)('XMP goes along into %s', async format => {
    const xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    const back = await decodePicture(await encodePicture({ colour: blank(4, 4, 3), depth: 8, format, xmp }))
    expect(back.xmp).toContain('adobe:ns:meta/')
    expect(back.xmp).toContain('tiff:Orientation="1"')
  })
})

describe('bad files', () => {
  const refused = async (bytes: Uint8Array, message: RegExp): Promise<void> => {
    const path = join(dir, 'bad')
    writeFileSync(path, bytes)
    await expect(readPicture(path)).rejects.toThrow(InputError)
    await expect(readPicture(path)).rejects.toThrow(message)
  }

  test('empty', () => refused(new Uint8Array(), /bad: expected an image, got an empty file/))
  test('not an image', () =>
    refused(
      Buffer.from('hello, world\n'.repeat(9)),
      /expected an image of png, jpeg, webp, tiff, got something else or a damaged file/,
    ))
  test('another kind of image', async () => refused(await red(4, 4).gif().toBuffer(), /got one of gif/))

  test.each(FORMATS)('truncated %s', async format => {
    const bytes = await encodePicture({ colour: gradient(64, 64, 3, 255), depth: 8, format })
    await refused(
      bytes.subarray(0, Math.floor(bytes.length * 0.7)),
      /expected a whole, undamaged image, got |got something else or a damaged file/,
    )
  })

  test('animated WebP', async () => {
    const frames = await Promise.all([red(8, 8).png().toBuffer(), red(8, 8).negate().png().toBuffer()])
    const bytes = await sharp(frames, { join: { animated: true } })
      .webp()
      .toBuffer()
    await refused(bytes, /expected a single image, got 2 frames/)
  })

  test('animated PNG', async () => {
    const png = await red(4, 4).png().toBuffer()
    const control = Buffer.alloc(20)
    control.writeUInt32BE(8)
    control.write('acTL', 4)
    await refused(
      Buffer.concat([png.subarray(0, 33), control, png.subarray(33)]),
      /got an animation|undamaged/,
    )
  })

  test('more pixels than the limit', async () => {
    const png = await red(4, 4).png().toBuffer()
    png.writeUInt32BE(40_000, 16)
    png.writeUInt32BE(40_000, 20)
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
    await refused(png, /expected at most 268435456 pixels, got 40000 x 40000/)
  })

  test('a side that the format cannot state', async () => {
    const picture: Picture = { colour: blank(16_384, 1, 3), depth: 8, format: 'webp' }
    await expect(encodePicture(picture)).rejects.toThrow(
      /at most 16383 pixels a side in a webp file, got 16384 x 1/,
    )
  })

  test('a missing file and a folder', async () => {
    await expect(readPicture(join(dir, 'none.png'))).rejects.toThrow(/ENOENT/)
    await expect(readPicture(dir)).rejects.toThrow(/expected an image file, got a folder/)
  })
})

test('grey and alpha are read as three channels for networks', async () => {
  const path = join(dir, 'grey.png')
  const picture: Picture = { colour: gradient(4, 4, 1, 255), alpha: blank(4, 4, 1), depth: 8, format: 'png' }
  writeFileSync(path, await encodePicture(picture))
  const image = await readImage(path)
  expect(image.channels).toBe(3)
  expect(image.data.slice(32)).toEqual(image.data.slice(0, 16))
})

test('names tell formats', () => {
  expect(['a.PNG', 'b.jpg', 'c.jpeg', 'd.webp', 'e.tif', 'f.tiff', 'g.gif', 'h'].map(formatOf)).toEqual([
    'png',
    'jpeg',
    'jpeg',
    'webp',
    'tiff',
    'tiff',
    undefined,
    undefined,
  ])
})
