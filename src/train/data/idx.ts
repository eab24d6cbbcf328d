/** MNIST's idx format: two zero bytes, a type, the number of dimensions, big-endian extents, entries. */
import { InputError } from '../../errors.ts'
import { pixelBytes } from './dataset.ts'

const BYTES = 0x08

/**
 * @param rank dimensions that the file must have
 * @returns its unsigned bytes, as a view
 * @throws InputError naming the file: not idx, other entries than bytes, another rank, truncated or too long
 */
export function readIdx(
  path: string,
  bytes: Uint8Array,
  rank: readonly number[],
): { shape: number[]; data: Uint8Array } {
  const refuse = (expected: string, got: string): never => {
    throw new InputError(path, expected, got)
  }
  const magic = Buffer.from(bytes.subarray(0, 4)).toString('hex')
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    refuse(
      'an idx file, which starts with two zero bytes',
      bytes.length === 0 ? 'an empty file' : `0x${magic}`,
    )
  if (bytes[2] !== BYTES) refuse('an idx file of unsigned bytes (type 0x08)', `0x${magic}`)
  const dimensions = bytes[3] as number
  if (!rank.includes(dimensions))
    refuse(`${rank.join(' or ')} dimensions (0x0000080${rank[0]})`, `0x${magic}`)
  const start = 4 + 4 * dimensions
  if (bytes.length < start) refuse(`a header of ${start} bytes`, `an end after ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i))
  const size = pixelBytes(path, shape)
  if (bytes.length !== start + size)
    refuse(`${start + size} bytes for [${shape.join(', ')}]`, `${bytes.length}`)
  return { shape, data: bytes.subarray(start) }
}
