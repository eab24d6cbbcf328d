/** Safetensors with entries of any type, as bytes. */
import { readFileSync } from 'node:fs'
import { InputError } from '../errors.ts'
import { openSafetensors } from './safetensors-file.ts'

export interface RawTensor {
  /** The format's name of the type, such as `I16`. */
  readonly dtype: string
  readonly shape: readonly number[]
  /** Little-endian entries, row-major. */
  readonly bytes: Uint8Array
}

/**
 * All tensors of a file, by name. The header is checked before the rest is read.
 * @throws InputError naming the file and the tensor that is malformed; the file system's error if it cannot be read
 */
export function readRaw(path: string): Map<string, RawTensor> {
  const { entries, close } = openSafetensors(path)
  close()
  const file = readFileSync(path)
  const start = 8 + Number(file.readBigUInt64LE())
  return new Map(
    [...entries].map(([name, { dtype, shape, begin, end }]) => {
      const bytes = file.subarray(start + begin, start + end)
      if (bytes.length !== end - begin) throw new InputError(path, `${start + end} bytes`, `${file.length}`)
      return [name, { dtype, shape, bytes }]
    }),
  )
}

/** A whole file, its tensors in the order of the map. */
export function encodeRaw(tensors: ReadonlyMap<string, RawTensor>): Uint8Array {
  const header: Record<string, unknown> = {}
  let at = 0
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] }
    at += bytes.length
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  // The data starts at a multiple of 8; the header is padded with spaces.
  const length = Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(8 + length + at).fill(0x20, 8, 8 + length)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.set(json, 8)
  let offset = 8 + length
  for (const { bytes } of tensors.values()) {
    out.set(bytes, offset)
    offset += bytes.length
  }
  return out
}
