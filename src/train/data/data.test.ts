import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { InputError } from '../../errors.ts'
import { type TrainingConfig, trainingSchema } from '../config.ts'
import { conform, digestOfData, slice } from './dataset.ts'
import { GLYPH_SIZE, glyphs } from './glyphs.ts'
import { loadDataset } from './load.ts'

const root = mkdtempSync(join(tmpdir(), 'proofmark-data-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0

/** A fresh folder with these files. */
function folder(files: Readonly<Record<string, Uint8Array>>): string {
  const path = join(root, `${count++}`)
  mkdirSync(path)
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), bytes)
  }
  return path
}

function idx(shape: readonly number[], data: ArrayLike<number>, magic = 0x0800 + shape.length): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length)
  head.writeUInt32BE(magic)
  shape.forEach((extent, i) => {
    head.writeUInt32BE(extent, 4 + 4 * i)
  })
  return Buffer.concat([head, Uint8Array.from(data)])
}

function npy(descr: string, shape: string, data: Uint8Array, order = 'False', version = 1): Uint8Array {
  const dictionary = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`
  const size = version === 1 ? 10 : 12
  const text = `${dictionary.padEnd(64 * 2 - size - 1)}\n`
  const head = Buffer.alloc(size)
  head.write('\x93NUMPY', 'latin1')
  head[6] = version
  version === 1 ? head.writeUInt16LE(text.length, 8) : head.writeUInt32LE(text.length, 8)
  return Buffer.concat([head, Buffer.from(text), data])
}

function safetensors(tensors: Readonly<Record<string, [string, number[], Uint8Array]>>): Uint8Array {
  const header: Record<string, unknown> = {}
  let at = 0
  for (const [name, [dtype, shape, bytes]] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] }
    at += bytes.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...Object.values(tensors).map(([, , bytes]) => bytes)])
}

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 37) & 255)
const refused = async (path: string, message: RegExp, options = {}): Promise<void> => {
  const error = await loadDataset(path, options).catch(e => e)
  expect(error).toBeInstanceOf(InputError)
  expect(error.message).toMatch(message)
}

const IMAGES = 'train-images-idx3-ubyte'
const LABELS = 'train-labels-idx1-ubyte'

describe('idx', () => {
  it('is found in a folder, packed or not, the training part first', async () => {
    const pixels = bytes(3 * 2 * 4)
    const path = folder({
      [`${IMAGES}.gz`]: gzipSync(idx([3, 2, 4], pixels)),
      [LABELS]: idx([3], [2, 0, 7]),
      't10k-images-idx3-ubyte': idx([1, 2, 4], bytes(8)),
      't10k-labels-idx1-ubyte': idx([1], [1]),
    })
    const data = await loadDataset(path)
    expect(data).toMatchObject({ channels: 1, height: 2, width: 4, classes: 8 })
    expect([...data.pixels]).toEqual([...pixels])
    expect([...data.labels]).toEqual([2, 0, 7])
    const test = await loadDataset(join(path, 't10k-images-idx3-ubyte'))
    expect([...test.labels]).toEqual([1])
    const explicit = await loadDataset(join(path, `${IMAGES}.gz`), { labels: join(path, LABELS) })
    expect(digestOfData(explicit)).toBe(digestOfData(data))
    expect(digestOfData(slice(data, 0, 2))).not.toBe(digestOfData(data))
  })

  const whole = idx([2, 2, 2], bytes(8))
  const labels = idx([2], [0, 1])
  const bad: [string, Uint8Array, Uint8Array, RegExp][] = [
    ['an empty file', Uint8Array.of(), labels, /idx3-ubyte: expected an idx file.* got an empty file/],
    ['text', Buffer.from('hello'), labels, /two zero bytes, got 0x68656c6c/],
    ['floats', idx([2, 2, 2], bytes(32), 0x0d03), labels, /unsigned bytes .* got 0x00000d03/],
    ['labels as images', labels, labels, /3 or 4 dimensions .* got 0x00000801/],
    ['images as labels', whole, whole, /idx1-ubyte: expected 1 dimensions .* got 0x00000803/],
    ['half a header', whole.subarray(0, 11), labels, /a header of 16 bytes, got an end after 11/],
    ['truncated', whole.subarray(0, -1), labels, /24 bytes for \[2, 2, 2\], got 23/],
    ['too long', Buffer.concat([whole, Uint8Array.of(0)]), labels, /24 bytes for .* got 25/],
    ['no examples', idx([0, 2, 2], []), idx([0], []), /1 to \d+ examples, got 0/],
    ['an absurd extent', idx([2, 2 ** 31, 2], []), labels, /extents of an image/],
    ['an absurd size', idx([60000, 60000, 4], []), labels, /at most 2147483648 pixels, got 14400000000/],
    ['fewer labels', whole, idx([1], [0]), /as many labels as images, 2, got 1/],
    ['half a gzip file', gzipSync(whole).subarray(0, 20), labels, /a whole gzip file .* unexpected end/],
    [
      'a damaged gzip file',
      Buffer.concat([gzipSync(whole).subarray(0, 10), bytes(30)]),
      labels,
      /a whole gzip file/,
    ],
  ]
  it.each(bad)('%s is refused', async (_, images, of, message) => {
    await refused(folder({ [IMAGES]: images, [LABELS]: of }), message)
  })

  it('missing labels, and labels where none belong, are refused', async () => {
    const path = folder({ [IMAGES]: whole })
    await refused(path, /train-labels-idx1-ubyte beside train-images-idx3-ubyte, got none/)
    await refused(join(path, IMAGES), /its labels beside it, or named with --labels, got no train-labels/)
    await refused(folder({ [IMAGES]: whole, [LABELS]: labels }), /--labels/, { labels: 'x' })
    await expect(loadDataset(join(root, 'gone'))).rejects.toThrow(/ENOENT/)
    await refused(folder({ readme: whole }), /2 to 16384 subfolders, one a class, got 0/)
  })
})

describe('NPY', () => {
  const pixels = bytes(2 * 3 * 2 * 2)
  it('has images of any shape and labels of any integers', async () => {
    const shapes: [string, [number, number, number]][] = [
      ['2, 3, 2, 2', [3, 2, 2]],
      ['2, 6, 2', [1, 6, 2]],
      ['2, 12', [1, 1, 12]],
    ]
    for (const [shape, [channels, height, width]] of shapes)
      expect(
        await loadDataset(
          folder({
            'images.npy': npy('|u1', shape, pixels),
            'labels.npy': npy('|u1', '2,', Uint8Array.of(4, 1)),
          }),
        ),
      ).toMatchObject({ channels, height, width, classes: 5, labels: Uint16Array.of(4, 1) })
    const types: [string, ArrayBufferView][] = [
      ['|i1', Int8Array.of(4, 1)],
      ['<u2', Uint16Array.of(4, 1)],
      ['<i4', Int32Array.of(4, 1)],
      ['<u4', Uint32Array.of(4, 1)],
      ['<i8', BigInt64Array.of(4n, 1n)],
    ]
    for (const [descr, view] of types) {
      const path = folder({
        'x.npy': npy('|u1', '2, 12', pixels, 'False', 2),
        'y.npy': npy(descr, '2,', new Uint8Array(view.buffer)),
      })
      const { labels } = await loadDataset(join(path, 'x.npy'), { labels: join(path, 'y.npy') })
      expect([...labels]).toEqual([4, 1])
    }
  })

  const images = npy('|u1', '2, 12', pixels)
  const label = (...values: bigint[]): Uint8Array =>
    npy('<i8', `${values.length},`, new Uint8Array(BigInt64Array.from(values).buffer))
  const good = label(0n, 1n)
  const bad: [string, Uint8Array, Uint8Array, RegExp][] = [
    ['an empty file', Uint8Array.of(), good, /an NPY file, got an empty file/],
    ['other bytes', bytes(100), good, /an NPY file, got/],
    ['a later version', npy('|u1', '2, 12', pixels, 'False', 9), good, /version 1, 2 or 3, got 9/],
    ['floats', npy('<f4', '2, 3', pixels), good, /integers: .* got <f4/],
    ['16-bit images', npy('<u2', '2, 6', pixels), good, /images as unsigned bytes .* got U16/],
    ['Fortran order', npy('|u1', '2, 12', pixels, 'True'), good, /C order/],
    ['a header cut off', images.subarray(0, 40), good, /a header of 128 bytes, got an end after 40/],
    [
      'another header',
      Buffer.from(Buffer.from(images).toString('latin1').replace('descr', 'dexcr'), 'latin1'),
      good,
      /a header with descr/,
    ],
    ['truncated', images.subarray(0, -3), good, /24 bytes for \|u1 \[2, 12\], got 21/],
    ['too long', Buffer.concat([images, bytes(1)]), good, /24 bytes .* got 25/],
    [
      'five dimensions',
      npy('|u1', '2, 3, 2, 2, 1', pixels),
      good,
      /images as \[n, height, width\].* got \[2, 3, 2, 2, 1\]/,
    ],
    ['no dimensions', npy('|u1', '', Uint8Array.of(1)), good, /images as \[n, height, width\].* got \[\]/],
    [
      'labels of two dimensions',
      images,
      npy('|u1', '2, 1', Uint8Array.of(0, 1)),
      /one dimension, got \[2, 1\]/,
    ],
    ['more labels', images, label(0n, 1n, 1n), /as many labels as images, 2, got 3/],
    ['a negative label', images, label(0n, -1n), /labels from 0 to 16383, got -1 at example 1/],
    [
      'a huge label',
      images,
      label(2n ** 62n, 1n),
      /labels from 0 to 16383, got 4611686018427388000 at example 0/,
    ],
  ]
  it.each(bad)('%s is refused', async (_, i, l, message) => {
    await refused(folder({ 'images.npy': i, 'labels.npy': l }), message)
  })
})

describe('safetensors', () => {
  const images: [string, number[], Uint8Array] = ['U8', [2, 2, 2], bytes(8)]
  const labels: [string, number[], Uint8Array] = ['I64', [2], new Uint8Array(BigInt64Array.of(3n, 0n).buffer)]
  const write = (file: Uint8Array): string => join(folder({ 'd.safetensors': file }), 'd.safetensors')

  it('holds images and labels', async () => {
    const data = await loadDataset(write(safetensors({ labels, images })))
    expect(data).toMatchObject({ channels: 1, height: 2, width: 2, classes: 4 })
    expect([...data.pixels]).toEqual([...bytes(8)])
    expect([...data.labels]).toEqual([3, 0])
  })

  const bad: [string, Uint8Array, RegExp][] = [
    ['truncated', safetensors({ images, labels }).subarray(0, -2), /data_offsets/],
    ['empty', Uint8Array.of(), /at least 8 bytes/],
    ['no labels', safetensors({ images }), /a tensor labels, got images/],
    [
      'float images',
      safetensors({ images: ['F32', [2], bytes(8)], labels }),
      /images: expected unsigned bytes .* got F32/,
    ],
    [
      'float labels',
      safetensors({ images, labels: ['F32', [2], bytes(8)] }),
      /labels: expected integers, got F32/,
    ],
    ['labels of two dimensions', safetensors({ images, labels: ['U8', [2, 1], bytes(2)] }), /one dimension/],
    ['fewer labels', safetensors({ images, labels: ['U8', [1], bytes(1)] }), /as many labels/],
    ['no images', safetensors({ images: ['U8', [0, 2, 2], bytes(0)], labels }), /1 to \d+ examples, got 0/],
  ]
  it.each(bad)('%s is refused', async (_, file, message) => {
    await refused(write(file), message)
  })
})

describe('a folder of images', () => {
  const image = (width: number, height: number, grey: number, format: 'png' | 'jpeg' = 'png') =>
    sharp({ create: { width, height, channels: 3, background: { r: grey, g: grey, b: grey } } })
      .toFormat(format)
      .toBuffer()

  it('takes classes by name and examples in turns, in grey or colour', async () => {
    const red = await sharp({ create: { width: 3, height: 2, channels: 4, background: '#ff0000' } })
      .png()
      .toBuffer()
    const path = folder({
      'cat/a.png': await image(3, 2, 10),
      'cat/b.jpg': await image(3, 2, 20, 'jpeg'),
      'cat/notes.txt': bytes(3),
      'ant/x.PNG': await image(3, 2, 30),
      'dog/y.png': red,
    })
    const data = await loadDataset(path)
    expect(data).toMatchObject({ channels: 1, height: 2, width: 3, classes: 3 })
    expect([...data.labels]).toEqual([0, 1, 2, 1])
    expect([data.pixels[0], data.pixels[6]]).toEqual([30, 10])
    expect(data.pixels.length).toBe(24)
    const colour = await loadDataset(path, { channels: 3 })
    expect([...colour.pixels.subarray(36, 54)]).toEqual([
      255,
      255,
      255,
      255,
      255,
      255,
      ...new Array(12).fill(0),
    ])
  })

  it('refuses other sizes, broken images, empty classes, one class', async () => {
    const good = await image(3, 2, 10)
    await refused(
      folder({ 'a/1.png': good, 'b/1.png': await image(2, 3, 1) }),
      /b\/1.png: expected an image of 3 x 2, .* got 2 x 3/,
    )
    await refused(
      folder({ 'a/1.png': good, 'b/1.png': good.subarray(0, 60) }),
      /b\/1.png: expected a PNG or JPEG image/,
    )
    await refused(folder({ 'a/1.png': bytes(10), 'b/1.png': good }), /a\/1.png: expected a PNG or JPEG image/)
    await refused(folder({ 'a/1.png': good, 'b/1.txt': good }), /\/b: expected PNG or JPEG images, got none/)
    await refused(folder({ 'a/1.png': good }), /2 to 16384 subfolders, one a class, got 1/)
    await refused(folder({ 'a/1.png': good, 'b/1.png': good }), /channels: expected 1 or 3/, { channels: 2 })
  })
})

describe('conform', () => {
  const config = (channels: number, height: number, width: number, classes: number): TrainingConfig =>
    trainingSchema.parse({
      input: { channels, height, width },
      classes,
      layers: [{ kind: 'dense', units: classes }],
      loss: 'squared-error',
      learningRate: { initial: 0.1 },
      batch: 1,
      window: 1,
    })
  const data = glyphs(1, 20)

  it('takes the classes of the description, and gives rows of features its shape', () => {
    expect(conform('data', data, config(1, 12, 12, 16)).classes).toBe(16)
    const flat = { ...data, height: 1, width: 144 }
    expect(conform('data', flat, config(1, 12, 12, 10))).toMatchObject({ channels: 1, height: 12, width: 12 })
    expect(conform('data', flat, config(144, 1, 1, 10))).toMatchObject({ channels: 144, height: 1, width: 1 })
  })

  it('refuses other shapes and labels beyond the classes', () => {
    expect(() => conform('data', data, config(1, 6, 24, 10))).toThrow(
      /data: expected images of 1 x 6 x 24, as in the configuration, got 1 x 12 x 12/,
    )
    expect(() => conform('data', { ...data, height: 1, width: 143 }, config(1, 12, 12, 10))).toThrow(
      InputError,
    )
    expect(() => conform('data', data, config(1, 12, 12, 5))).toThrow(
      /labels from 0 to 4, as in the configuration, got 5 at example 5/,
    )
  })
})

describe('glyphs', () => {
  it('are the same for the same seed, and balanced', () => {
    const a = glyphs(7, 30)
    expect(a).toMatchObject({ channels: 1, height: GLYPH_SIZE, width: GLYPH_SIZE, classes: 10 })
    expect(digestOfData(glyphs(7, 30))).toBe(digestOfData(a))
    expect(digestOfData(glyphs(8, 30))).not.toBe(digestOfData(a))
    expect([...a.labels.subarray(8, 13)]).toEqual([8, 9, 0, 1, 2])
    for (const wrong of [0, -1, 1.5, 2 ** 21]) expect(() => glyphs(1, wrong)).toThrow(InputError)
  })

  it('can be told apart by the nearest mean, though not trivially', () => {
    const train = glyphs(1, 1000)
    const test = glyphs(2, 500)
    const size = GLYPH_SIZE ** 2
    const means = Array.from({ length: 10 }, () => new Float64Array(size))
    train.pixels.forEach((v, i) => {
      const mean = means[train.labels[Math.floor(i / size)] as number] as Float64Array
      mean[i % size] = (mean[i % size] as number) + v / 100
    })
    let right = 0
    for (let i = 0; i < 500; i++) {
      const image = test.pixels.subarray(i * size, (i + 1) * size)
      const far = means.map(mean => mean.reduce((sum, m, p) => sum + (m - (image[p] as number)) ** 2, 0))
      if (far.indexOf(Math.min(...far)) === test.labels[i]) right++
    }
    expect(right / 500).toBeGreaterThan(0.6)
    expect(right / 500).toBeLessThan(0.97)
  })
})
