import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { rawSafetensors, temporaryDirectory, writeTensors } from './fixtures/files.ts'
import { openWeights } from './safetensors.ts'
import { halfToFloatBits } from './safetensors-file.ts'

const root = temporaryDirectory()
let count = 0
function directory(): string {
  const dir = join(root, `model${count++}`)
  mkdirSync(dir)
  return dir
}

/** A directory whose model.safetensors is exactly these bytes. */
function model(header: unknown, data: Uint8Array = new Uint8Array(16), headerLength?: bigint): string {
  const dir = directory()
  const text = typeof header === 'string' ? header : JSON.stringify(header)
  writeFileSync(join(dir, 'model.safetensors'), rawSafetensors(text, data, headerLength))
  return dir
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

describe('reading', () => {
  it('F32, F16 and BF16, padded header, scalar and empty tensors', () => {
    const data = Buffer.alloc(16)
    data.writeFloatLE(1.5, 0)
    data.writeFloatLE(-(2 ** -140), 4)
    data.set([0x00, 0x3c, 0x01, 0x80], 8) // F16: 1, -2^-24
    data.set([0x80, 0x3f, 0x49, 0xc0], 12) // BF16: 1, -3.140625
    const header = {
      a: f32(0, 4, []),
      b: f32(4, 8),
      c: { dtype: 'F16', shape: [2, 1], data_offsets: [8, 12] },
      d: { dtype: 'BF16', shape: [2], data_offsets: [12, 16] },
      e: f32(8, 8, [0, 5]),
    }
    const store = openWeights(model(`${JSON.stringify(header)}    `, data))
    expect(store.names()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(store.read('a')).toEqual({ shape: [], data: Float32Array.of(1.5) })
    expect(store.read('b').data).toEqual(Float32Array.of(-(2 ** -140)))
    expect(store.read('c')).toEqual({ shape: [2, 1], data: Float32Array.of(1, -(2 ** -24)) })
    expect(store.read('d').data).toEqual(Float32Array.of(1, -3.140625))
    expect(store.read('e').data.length).toBe(0)
    expect(store.dtype('c')).toBe('F16')
    expect(() => store.read('missing')).toThrow(InputError)
    store.close()
  })

  it('every finite 16-bit float', () => {
    const view = new DataView(new ArrayBuffer(4))
    for (let half = 0; half < 65536; half++) {
      const exponent = (half >> 10) & 31
      const mantissa = half & 1023
      if (exponent === 31) continue
      const size = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25)
      view.setUint32(0, halfToFloatBits(half))
      if (!Object.is(view.getFloat32(0), half & 0x8000 ? -size : size)) expect.fail(`half ${half}`)
    }
  })

  it('tensors longer than one read, whole and in part', () => {
    const dir = directory()
    const length = 2 ** 21 + 5
    writeTensors(join(dir, 'model.safetensors'), [{ name: 'w', shape: [length], fill: i => i % 1000 }])
    const store = openWeights(dir)
    const whole = store.read('w').data
    for (const i of [0, 1, 2 ** 21 - 1, 2 ** 21, length - 1]) expect(whole[i]).toBe(i % 1000)
    expect(store.readRange('w', 2 ** 21 - 2, 5)).toEqual(whole.slice(2 ** 21 - 2, 2 ** 21 + 3))
    expect(() => store.readRange('w', length - 1, 2)).toThrow(InputError)
    store.close()
  })

  it('refuses NaN and infinite weights, naming tensor and index', () => {
    for (const [dtype, bytes] of [
      ['F32', [0, 0, 0x80, 0x7f]],
      ['F32', [0, 0, 0xc0, 0xff]],
      ['F16', [0x00, 0x7c, 0, 0]],
      ['BF16', [0xc0, 0x7f, 0, 0]],
    ] as const) {
      const width = dtype === 'F32' ? 4 : 2
      const data = new Uint8Array(6 * width)
      data.set(bytes.slice(0, width), 4 * width)
      const header = { 'layer.w': { dtype, shape: [2, 3], data_offsets: [0, 6 * width] } }
      const store = openWeights(model(header, data))
      expect(() => store.read('layer.w')).toThrow(
        /layer\.w: expected finite weights, got (NaN|-?Infinity) at \[1, 1\]/,
      )
      store.close()
    }
  })

  it('refuses to read other types as floats, but lists them', () => {
    const store = openWeights(model({ mask: { dtype: 'BOOL', shape: [16], data_offsets: [0, 16] } }))
    expect(store.shape('mask')).toEqual([16])
    expect(() => store.read('mask')).toThrow(/F32, F16, BF16, got BOOL/)
    store.close()
  })

  it('notices a file that shrinks after it was opened', () => {
    const dir = model({ a: f32(0, 16) })
    const store = openWeights(dir)
    truncateSync(join(dir, 'model.safetensors'), 60)
    expect(() => store.read('a')).toThrow(InputError)
    store.close()
  })
})

describe('malformed files', () => {
  const two = (a: unknown, b: unknown) => ({ a, b })
  const cases: [name: string, dir: () => string, message: RegExp][] = [
    ['no header length', () => short(7), /at least 8 bytes/],
    ['header longer than the file', () => model('{}', new Uint8Array(0), 3n), /header length/],
    ['header length of 2^63', () => model('{}', new Uint8Array(0), 2n ** 63n), /header length/],
    ['empty header', () => model('', new Uint8Array(0)), /starts with \{/],
    ['leading space', () => model(' {}', new Uint8Array(0)), /starts with \{/],
    ['not JSON', () => model('{"a":', new Uint8Array(0)), /JSON/],
    ['text after the object', () => model('{}x', new Uint8Array(0)), /JSON/],
    ['duplicate tensor', () => model('{"a":1,"\\u0061":2}'), /each key once, got "a" twice/],
    ['duplicate dtype', () => model('{"a":{"dtype":"F32","dtype":"F16"}}'), /"dtype" twice/],
    ['metadata that is not strings', () => model({ __metadata__: { n: 1 } }), /__metadata__/],
    ['entry that is not an object', () => model({ a: [1] }), /a: expected an object/],
    ['unknown key', () => model({ a: { ...f32(0, 16), stride: 1 } }), /stride/],
    ['unknown dtype', () => model({ a: { ...f32(0, 16), dtype: 'F7' } }), /dtype/],
    ['dtype from the prototype', () => model({ a: { ...f32(0, 16), dtype: 'toString' } }), /dtype/],
    ['missing shape', () => model({ a: { dtype: 'F32', data_offsets: [0, 16] } }), /shape/],
    ['negative size', () => model({ a: f32(0, 16, [-2, -2]) }), /shape/],
    ['fractional size', () => model({ a: f32(0, 16, [0.5, 8]) }), /shape/],
    ['shape beyond exact products', () => model({ a: f32(0, 16, [2 ** 30, 2 ** 30, 2 ** 30]) }), /2\^48/],
    ['shape too large', () => model({ a: f32(0, 16, [5]) }), /20 bytes/],
    ['shape too small', () => model({ a: f32(0, 16, [3]) }), /12 bytes/],
    ['offsets of three', () => model({ a: { ...f32(0, 16), data_offsets: [0, 8, 16] } }), /data_offsets/],
    ['offsets reversed', () => model({ a: { ...f32(0, 16), data_offsets: [16, 0] } }), /data_offsets/],
    ['offsets past the end', () => model({ a: f32(0, 20) }), /within 16 bytes/],
    ['overlap', () => model(two(f32(0, 12), f32(8, 16))), /overlap/],
    ['same place twice', () => model(two(f32(0, 16), f32(0, 16))), /overlap/],
    ['gap between', () => model(two(f32(0, 4), f32(8, 16))), /gap/],
    ['gap at the start', () => model({ a: f32(4, 16) }), /gap/],
    ['bytes left over', () => model({ a: f32(0, 12) }), /not covered/],
    ['no weights', () => directory(), /neither file/],
  ]
  function short(bytes: number): string {
    const dir = directory()
    writeFileSync(join(dir, 'model.safetensors'), new Uint8Array(bytes))
    return dir
  }
  it.each(cases)('%s', (_, dir, message) => {
    const path = dir()
    expect(() => openWeights(path)).toThrow(InputError)
    expect(() => openWeights(path)).toThrow(message)
  })

  it('any change of a few bytes is refused by name, or gives a store that keeps to its word', () => {
    const header = JSON.stringify({
      a: f32(0, 12, [3, 1]),
      b: { dtype: 'F16', shape: [2], data_offsets: [12, 16] },
    })
    const valid = rawSafetensors(header, new Uint8Array(16))
    const dir = directory()
    const change = fc.tuple(
      fc.nat(valid.length - 1),
      fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('0123456789{}[]",:'))),
    )
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(3), (changes, cut) => {
        const bytes = Uint8Array.from(valid)
        for (const [at, byte] of changes) bytes[at] = byte
        writeFileSync(join(dir, 'model.safetensors'), bytes.subarray(0, bytes.length - (cut === 3 ? 1 : 0)))
        try {
          const store = openWeights(dir)
          for (const name of store.names())
            if (store.dtype(name) === 'F32' || store.dtype(name) === 'F16') store.read(name)
          store.close()
        } catch (error) {
          if (!(error instanceof InputError)) throw error
        }
      }),
      { numRuns: 400, seed: 1 },
    )
  })

  it('invalid UTF-8 in the header', () => {
    const dir = directory()
    writeFileSync(join(dir, 'model.safetensors'), Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff]))
    expect(() => openWeights(dir)).toThrow(/UTF-8/)
  })
})

describe('shards', () => {
  function sharded(map: unknown): string {
    const dir = directory()
    writeTensors(join(dir, 'm-1.safetensors'), [{ name: 'a', shape: [2] }])
    writeTensors(join(dir, 'm-2.safetensors'), [{ name: 'b', shape: [3] }])
    writeFileSync(
      join(dir, 'model.safetensors.index.json'),
      JSON.stringify({ metadata: {}, weight_map: map }),
    )
    return dir
  }

  it('reads from the file that holds the tensor', () => {
    const store = openWeights(sharded({ a: 'm-1.safetensors', b: 'm-2.safetensors' }))
    expect(store.names()).toEqual(['a', 'b'])
    expect(store.read('b').data).toEqual(Float32Array.of(0, 1, 2))
    store.close()
  })

  it.each([
    ['a tensor in the wrong file', { a: 'm-2.safetensors', b: 'm-1.safetensors' }],
    ['a tensor that the index leaves out', { a: 'm-1.safetensors', x: 'm-2.safetensors' }],
    ['a tensor that no file has', { a: 'm-1.safetensors', b: 'm-2.safetensors', c: 'm-2.safetensors' }],
    ['a path out of the directory', { a: '../m-1.safetensors' }],
    ['a name that is not a string', { a: 1 }],
    ['no map', undefined],
  ])('refuses %s', (_, map) => {
    expect(() => openWeights(sharded(map))).toThrow(InputError)
  })

  it('reports a shard that is not there', () => {
    expect(() => openWeights(sharded({ a: 'gone.safetensors' }))).toThrow(/ENOENT/)
  })
})
