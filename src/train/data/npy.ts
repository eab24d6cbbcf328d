/** NumPy's array files: magic, version, the text of a Python dictionary, entries in C order. */
import { InputError } from '../../errors.ts'
import { type IntegerType, integers, TYPE_BYTES } from './integers.ts'

const MAGIC = '\x93NUMPY'
const HEADER = /^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\),? *\} *\n?$/

const TYPES: { readonly [descr: string]: IntegerType } = {
  '|u1': 'U8',
  '|i1': 'I8',
  '<u2': 'U16',
  '<i2': 'I16',
  '<u4': 'U32',
  '<i4': 'I32',
  '<u8': 'U64',
  '<i8': 'I64',
}

export interface NpyArray {
  readonly type: IntegerType
  readonly shape: number[]
  /** Little-endian entries, as a view. */
  readonly data: Uint8Array
}

/** @throws InputError naming the file: not NPY, a type that is no integer, Fortran order, truncated or too long */
export function readNpy(path: string, bytes: Uint8Array): NpyArray {
  const refuse = (expected: string, got: string): never => {
    throw new InputError(path, expected, got)
  }
  const text = (from: number, to: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
  if (bytes.length < 12 || text(0, 6) !== MAGIC)
    refuse(
      'an NPY file',
      bytes.length === 0 ? 'an empty file' : JSON.stringify(text(0, Math.min(6, bytes.length))),
    )
  const version = bytes[6] as number
  if (version < 1 || version > 3) refuse('version 1, 2 or 3', `${version}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = version === 1 ? 10 : 12
  const end = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (end > bytes.length) refuse(`a header of ${end} bytes`, `an end after ${bytes.length}`)
  const header = text(start, end)
  const [, descr = '', order, extents = ''] =
    HEADER.exec(header) ??
    refuse('a header with descr, fortran_order and shape', JSON.stringify(header.slice(0, 80)))
  const type = TYPES[descr] ?? refuse(`integers: ${Object.keys(TYPES).join(', ')}`, descr)
  if (order === 'True') refuse('entries in C order', 'Fortran order')
  const shape = extents
    .split(',')
    .map(s => s.trim())
    .filter(s => s !== '')
    .map(Number)
  const size = shape.reduce((a, b) => a * b, 1) * TYPE_BYTES[type]
  if (bytes.length - end !== size)
    refuse(`${size} bytes for ${descr} [${shape.join(', ')}]`, `${bytes.length - end}`)
  return { type, shape, data: bytes.subarray(end) }
}

/** Images: unsigned bytes, of any shape. */
export function readNpyImages(path: string, bytes: Uint8Array): { shape: number[]; data: Uint8Array } {
  const { type, shape, data } = readNpy(path, bytes)
  if (type !== 'U8') throw new InputError(path, 'images as unsigned bytes (|u1)', type)
  return { shape, data }
}

/** Labels: integers in one dimension. */
export function readNpyLabels(path: string, bytes: Uint8Array): ArrayLike<number> {
  const { type, shape, data } = readNpy(path, bytes)
  if (shape.length !== 1) throw new InputError(path, 'labels in one dimension', `[${shape.join(', ')}]`)
  return integers(type, data)
}
