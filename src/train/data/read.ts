import { readFileSync, statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { InputError } from '../../errors.ts'
import { MAX_PIXEL_BYTES } from './dataset.ts'

/** Room for headers, and for labels of eight bytes. */
const MAX_FILE_BYTES = MAX_PIXEL_BYTES + 2 ** 20

/**
 * A file's bytes, unpacked if it is gzip.
 * @throws InputError if it is no file, too large, or broken gzip; the file system's error if it cannot be read
 */
export function readBytes(path: string): Uint8Array {
  const stats = statSync(path)
  if (!stats.isFile()) throw new InputError(path, 'a file', 'a directory or device')
  if (stats.size > MAX_FILE_BYTES)
    throw new InputError(path, `at most ${MAX_FILE_BYTES} bytes`, `${stats.size}`)
  const bytes = readFileSync(path)
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_FILE_BYTES })
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error)
    throw new InputError(path, `a whole gzip file of at most ${MAX_FILE_BYTES} bytes`, got)
  }
}
