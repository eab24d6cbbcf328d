/**
 * Writes safetensors: 8 bytes little-endian header length, a JSON header with each tensor's dtype, shape and byte
 * range, then the raw little-endian data.
 */
import { InputError } from '../errors.ts'
import type { FloatTensor } from './tensor.ts'

export type WriteType = 'F32' | 'BF16'

/** The upper halves of float32 entries, rounded to nearest, ties to even; NaN stays NaN. */
export function toBf16(data: Float32Array): Uint16Array {
  const bits = new Uint32Array(data.slice().buffer)
  const out = new Uint16Array(data.length)
  for (let i = 0; i < out.length; i++) {
    const b = bits[i]!
    const nan = (b & 0x7fffffff) > 0x7f800000
    out[i] = nan ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
  return out
}

/** Entries as they read back after being written as `type`. */
export function rounded(data: Float32Array, type: WriteType): Float32Array {
  if (type === 'F32') return data
  return new Float32Array(Uint32Array.from(toBf16(data), half => half << 16).buffer)
}

/** Little-endian bytes. */
function encode(data: Float32Array, type: WriteType): Uint8Array {
  const out = new DataView(new ArrayBuffer(data.length * (type === 'F32' ? 4 : 2)))
  const halves = type === 'BF16' ? toBf16(data) : undefined
  for (let i = 0; i < data.length; i++) {
    if (halves) out.setUint16(2 * i, halves[i]!, true)
    else out.setFloat32(4 * i, data[i]!, true)
  }
  return new Uint8Array(out.buffer)
}

/**
 * @param tensors written in the order of the map
 * @param metadata free text for the header
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, FloatTensor>,
  type: WriteType = 'F32',
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {}
  const parts: Uint8Array[] = []
  let at = 0
  for (const [name, { shape, data }] of tensors) {
    const size = shape.reduce((a, b) => a * b, 1)
    if (size !== data.length) throw new InputError(name, `${size} entries`, `${data.length}`)
    const bytes = encode(data, type)
    header[name] = { dtype: type, shape, data_offsets: [at, at + bytes.length] }
    parts.push(bytes)
    at += bytes.length
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  // The data starts at a multiple of 8; the header is padded with spaces.
  const length = Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(8 + length + at).fill(0x20, 8, 8 + length)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.set(json, 8)
  let offset = 8 + length
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
