import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { endianness } from 'node:os'
import { InputError } from '../errors.ts'
import { FLOAT_TYPES, MAX_HEADER_BYTES, type Header, parseHeader, type TensorEntry } from './safetensors-header.ts'

/** Bytes read from the file at once: large enough for full disk speed, small enough not to count as memory. */
const CHUNK_BYTES = 1 << 23
/** The most elements of one array: Node 20 ends at 2^32. */
const MAX_READ = 2 ** 32 - 1

/** One open safetensors file. Only its header is in memory. */
export interface SafetensorsFile {
  path: string
  entries: ReadonlyMap<string, TensorEntry>
  /** Free text of the header by key. */
  metadata: Readonly<Record<string, string>>
  /**
   * Elements start .. start + count - 1 of a tensor, row-major, as floats (exact for every float type).
   * @throws InputError naming tensor and index at the first NaN or infinite element; on a type that is not a float; if
   *   the file has shrunk since it was opened
   */
  read(name: string, start: number, count: number): Float32Array
  close(): void
}

/**
 * Opens a file and checks its whole header before anything of the header's sizes is allocated.
 * @throws InputError naming the file if it is malformed; the file system's error if it cannot be opened
 */
export function openSafetensors(path: string): SafetensorsFile {
  const fd = openSync(path, 'r')
  try {
    const { entries, metadata, dataStart } = readHeader(fd, path)
    return {
      path,
      entries,
      metadata,
      read: (name, start, count) => readFloats(fd, path, name, entries.get(name), dataStart, start, count),
      close: () => closeSync(fd),
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function readHeader(fd: number, path: string): Header & { dataStart: number } {
  const fileBytes = fstatSync(fd).size
  if (fileBytes < 8)
    throw new InputError(path, 'a safetensors file of at least 8 bytes', `${fileBytes} bytes`)
  const head = Buffer.alloc(8)
  readFully(fd, head, 0, path)
  const length = head.readBigUInt64LE()
  if (length > BigInt(Math.min(fileBytes - 8, MAX_HEADER_BYTES)))
    throw new InputError(
      `${path}: header length`,
      `at most ${Math.min(fileBytes - 8, MAX_HEADER_BYTES)} bytes`,
      `${length}`,
    )
  const dataStart = 8 + Number(length)
  const header = Buffer.alloc(Number(length))
  readFully(fd, header, 8, path)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch {
    throw new InputError(`${path}: header`, 'UTF-8', 'other bytes')
  }
  return { ...parseHeader(text, fileBytes - dataStart, path), dataStart }
}

function readFloats(
  fd: number,
  path: string,
  name: string,
  entry: TensorEntry | undefined,
  dataStart: number,
  start: number,
  count: number,
): Float32Array {
  if (!entry) throw new InputError('name', `a tensor of ${path}`, `"${name}"`)
  if (!FLOAT_TYPES.includes(entry.dtype))
    throw new InputError(`${path}: ${name}`, `one of ${FLOAT_TYPES.join(', ')}`, entry.dtype)
  if (
    !(
      Number.isSafeInteger(start) &&
      start >= 0 &&
      Number.isSafeInteger(count) &&
      count >= 0 &&
      start + count <= entry.count
    )
  )
    throw new InputError(`range of ${name}`, `within ${entry.count} elements`, `${start} + ${count}`)
  if (count > MAX_READ)
    throw new InputError(`count of ${name}`, `at most ${MAX_READ} elements at once`, `${count}`)
  const bits = new Uint32Array(count)
  const bytes = entry.dtype === 'F32' ? 4 : 2
  const convert = entry.dtype === 'F32' ? copy32 : entry.dtype === 'BF16' ? widenBf16 : widenF16
  const chunk = Buffer.alloc(Math.min(count * bytes, CHUNK_BYTES))
  for (let done = 0; done < count; ) {
    const part = Math.min(count - done, CHUNK_BYTES / bytes)
    const window = chunk.subarray(0, part * bytes)
    readFully(fd, window, dataStart + entry.begin + (start + done) * bytes, path)
    if (endianness() === 'BE') bytes === 4 ? window.swap32() : window.swap16()
    convert(window, bits, done, part)
    const bad = notFinite(bits, done, part)
    if (bad >= 0) {
      const value = new Float32Array(bits.buffer)[bad]
      throw new InputError(
        `${path}: ${name}`,
        'finite weights',
        `${value} at ${at(start + bad, entry.shape)}`,
      )
    }
    done += part
  }
  return new Float32Array(bits.buffer)
}

function readFully(fd: number, into: Buffer, position: number, path: string): void {
  for (let done = 0; done < into.length; ) {
    const got = readSync(fd, into, done, into.length - done, position + done)
    if (got === 0)
      throw new InputError(path, `${position + into.length} bytes`, `an end after ${position + done}`)
    done += got
  }
}

function copy32(window: Buffer, out: Uint32Array, offset: number, count: number): void {
  out.set(new Uint32Array(window.buffer, window.byteOffset, count), offset)
}

function widenBf16(window: Buffer, out: Uint32Array, offset: number, count: number): void {
  const halves = new Uint16Array(window.buffer, window.byteOffset, count)
  for (let i = 0; i < count; i++) out[offset + i] = (halves[i] as number) << 16
}

function widenF16(window: Buffer, out: Uint32Array, offset: number, count: number): void {
  const halves = new Uint16Array(window.buffer, window.byteOffset, count)
  for (let i = 0; i < count; i++) out[offset + i] = halfToFloatBits(halves[i] as number)
}

/** The bits of the 32-bit float that equals a 16-bit float (every one of them exists). */
export function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >> 10) & 31
  const mantissa = half & 1023
  if (exponent === 31) return sign | 0x7f800000 | (mantissa << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13)
  if (mantissa === 0) return sign
  // Subnormal, mantissa * 2^-24: shift its highest bit to where a normal number hides it.
  const shift = Math.clz32(mantissa) - 21
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 1023) << 13)
}

/** The first index in [offset, offset + count) whose exponent bits are all ones, or -1. */
function notFinite(bits: Uint32Array, offset: number, count: number): number {
  for (let i = offset; i < offset + count; i++)
    if (((bits[i] as number) & 0x7f800000) === 0x7f800000) return i
  return -1
}

/** The index of an element as text, such as `[3, 17]`. */
function at(flat: number, shape: readonly number[]): string {
  const index: number[] = []
  let rest = flat
  for (const size of [...shape].reverse()) {
    index.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return `[${index.join(', ')}]`
}
