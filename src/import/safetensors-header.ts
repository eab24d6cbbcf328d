import { InputError } from '../errors.ts'
import { isObject, type JsonObject, parseObject } from './json.ts'

/** Bytes of one element, for every type of the format; only those in `FLOAT_TYPES` can be read. */
const TYPE_BYTES: { readonly [dtype: string]: number } = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
}

/** Types that can be read as floats without losing anything. */
export type FloatType = 'F32' | 'F16' | 'BF16'
export const FLOAT_TYPES: readonly string[] = ['F32', 'F16', 'BF16'] satisfies FloatType[]

/** The format's own limit on its header. */
export const MAX_HEADER_BYTES = 100_000_000

/** Where one tensor lies in its file. */
export interface TensorEntry {
  dtype: string
  shape: number[]
  /** Product of the shape. */
  count: number
  /** Byte offsets in the data section, which starts after the header: [begin, end). */
  begin: number
  end: number
}

/** What the header of a file says. */
export interface Header {
  entries: Map<string, TensorEntry>
  /** Free text by key; empty if the file has none. */
  metadata: Readonly<Record<string, string>>
}

/**
 * Reads the header of a safetensors file and checks it against the length of the data section: every tensor's bytes
 * are as many as its shape and type say, and together they cover the section without overlap or gap, so that no byte
 * of the file has two meanings or none.
 * @param text the JSON header
 * @param dataBytes length of the file after the header
 * @throws InputError naming the file and the tensor
 */
export function parseHeader(text: string, dataBytes: number, path: string): Header {
  if (!text.startsWith('{'))
    throw new InputError(path, 'a header that starts with {', JSON.stringify(text.slice(0, 8)))
  const header = parseObject(text, `${path}: header`)
  const entries = new Map<string, TensorEntry>()
  let metadata: Header['metadata'] = {}
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkMetadata(value, path)
    else entries.set(name, parseEntry(value, dataBytes, `${path}: ${name}`))
  }
  checkCover(entries, dataBytes, path)
  return { entries, metadata }
}

function checkMetadata(value: unknown, path: string): Header['metadata'] {
  const valid = isObject(value) && Object.values(value).every(entry => typeof entry === 'string')
  if (!valid)
    throw new InputError(`${path}: __metadata__`, 'an object of strings', JSON.stringify(value).slice(0, 40))
  return value as Header['metadata']
}

function parseEntry(value: unknown, dataBytes: number, where: string): TensorEntry {
  if (!isObject(value)) throw new InputError(where, 'an object', JSON.stringify(value))
  for (const key of Object.keys(value))
    if (!['dtype', 'shape', 'data_offsets'].includes(key))
      throw new InputError(where, 'dtype, shape and data_offsets', `the key "${key}"`)
  const dtype = value.dtype
  if (typeof dtype !== 'string' || !Object.hasOwn(TYPE_BYTES, dtype))
    throw new InputError(
      `${where}: dtype`,
      `one of ${Object.keys(TYPE_BYTES).join(', ')}`,
      JSON.stringify(dtype),
    )
  const shape = sizes(value, 'shape', where)
  const [begin, end, ...more] = sizes(value, 'data_offsets', where)
  if (begin === undefined || end === undefined || more.length > 0 || begin > end || end > dataBytes)
    throw new InputError(
      `${where}: data_offsets`,
      `[begin, end] within ${dataBytes} bytes of data`,
      JSON.stringify(value.data_offsets),
    )
  const count = product(shape, where)
  const bytes = count * (TYPE_BYTES[dtype] ?? 0)
  if (end - begin !== bytes)
    throw new InputError(`${where}: data_offsets`, `${bytes} bytes for ${dtype} [${shape}]`, `${end - begin}`)
  return { dtype, shape, count, begin, end }
}

function sizes(value: JsonObject, key: string, where: string): number[] {
  const list = value[key]
  const valid =
    Array.isArray(list) && list.length <= 16 && list.every(size => Number.isSafeInteger(size) && size >= 0)
  if (!valid)
    throw new InputError(
      `${where}: ${key}`,
      'a list of non-negative integers',
      JSON.stringify(list) ?? 'none',
    )
  return list
}

/** Exact product: anything above 2^48 is refused before it could round. */
function product(shape: number[], where: string): number {
  if (shape.includes(0)) return 0
  let count = 1
  for (const size of shape) {
    count *= size
    if (count > 2 ** 48) throw new InputError(`${where}: shape`, 'at most 2^48 elements', `[${shape}]`)
  }
  return count
}

function checkCover(entries: Map<string, TensorEntry>, dataBytes: number, path: string): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const [name, { begin, end }] of sorted) {
    if (begin !== covered)
      throw new InputError(
        `${path}: ${name}: data_offsets`,
        `to begin at ${covered}, where the tensor before it ends`,
        `${begin} (${begin < covered ? 'an overlap' : 'a gap'})`,
      )
    covered = end
  }
  if (covered !== dataBytes)
    throw new InputError(
      path,
      `${dataBytes} bytes of tensors after the header`,
      `${covered}: the end is not covered`,
    )
}
