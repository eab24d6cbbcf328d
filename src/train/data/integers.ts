/** Little-endian integers of array files. */

export type IntegerType = 'U8' | 'I8' | 'U16' | 'I16' | 'U32' | 'I32' | 'U64' | 'I64'

export const TYPE_BYTES: { readonly [T in IntegerType]: number } = {
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  U32: 4,
  I32: 4,
  U64: 8,
  I64: 8,
}

const READ: { readonly [T in IntegerType]: (view: DataView, at: number) => number } = {
  U8: (v, i) => v.getUint8(i),
  I8: (v, i) => v.getInt8(i),
  U16: (v, i) => v.getUint16(i, true),
  I16: (v, i) => v.getInt16(i, true),
  U32: (v, i) => v.getUint32(i, true),
  I32: (v, i) => v.getInt32(i, true),
  // Exact as far as labels go; larger ones stay out of every range.
  U64: (v, i) => Number(v.getBigUint64(i, true)),
  I64: (v, i) => Number(v.getBigInt64(i, true)),
}

export const isIntegerType = (type: string): type is IntegerType => Object.hasOwn(TYPE_BYTES, type)

/** The entries as numbers. */
export function integers(type: IntegerType, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = TYPE_BYTES[type]
  const read = READ[type]
  return Float64Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size))
}
