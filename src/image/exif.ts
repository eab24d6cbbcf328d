/** The little of EXIF and XMP that carrying it from one file to another needs. */
import { crc32 } from 'node:zlib'

const PREFIX = Buffer.from('Exif\0\0', 'latin1')
const ORIENTATION = 0x0112
/** Length of a PNG's signature and its first chunk, the header. */
const PNG_HEADER = 8 + 25

/**
 * EXIF whose orientation says "upright", for pixels that have been turned.
 * @param exif with or without its `Exif` prefix; returned as it is where it cannot be read
 * @returns from the byte order mark on
 */
export function upright(exif: Buffer): Buffer {
  const body = exif.subarray(0, PREFIX.length).equals(PREFIX) ? exif.subarray(PREFIX.length) : exif
  const out = Buffer.from(body)
  const little = out.toString('latin1', 0, 2) === 'II'
  const u16 = (at: number): number => (little ? out.readUInt16LE(at) : out.readUInt16BE(at))
  const u32 = (at: number): number => (little ? out.readUInt32LE(at) : out.readUInt32BE(at))
  try {
    const directory = u32(4)
    for (let i = 0; i < u16(directory); i++) {
      const entry = directory + 2 + 12 * i
      if (u16(entry) !== ORIENTATION) continue
      if (little) out.writeUInt16LE(1, entry + 8)
      else out.writeUInt16BE(1, entry + 8)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return out
}

/** XMP whose orientation, if it states one, says "upright". */
export function uprightXmp(xmp: string): string {
  return xmp.replace(/(tiff:Orientation(?:=["']|>))\d/g, '$11')
}

/** A PNG file with EXIF put into it. */
export function withExif(png: Buffer, exif: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('eXIf', 'latin1'), exif])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(exif.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([png.subarray(0, PNG_HEADER), length, body, check, png.subarray(PNG_HEADER)])
}
