/** Integer tensors of a safetensors file. */
import { readFileSync } from 'node:fs'
import { InputError } from '../../errors.ts'
import { openSafetensors } from '../../import/safetensors-file.ts'
import { assemble, type Dataset, pixelBytes } from './dataset.ts'
import { integers, isIntegerType } from './integers.ts'

/**
 * The tensors `images` (U8) and `labels` (integers, one dimension) of a file.
 * @throws InputError naming file and tensor
 */
export function readSafetensorsDataset(path: string): Dataset {
  const file = openSafetensors(path)
  file.close()
  const find = (name: string) => {
    const entry = file.entries.get(name)
    if (!entry) throw new InputError(path, `a tensor ${name}`, [...file.entries.keys()].join(', ') || 'none')
    return entry
  }
  const images = find('images')
  const labels = find('labels')
  if (images.dtype !== 'U8') throw new InputError(`${path}: images`, 'unsigned bytes (U8)', images.dtype)
  if (!isIntegerType(labels.dtype)) throw new InputError(`${path}: labels`, 'integers', labels.dtype)
  if (labels.shape.length !== 1)
    throw new InputError(`${path}: labels`, 'one dimension', `[${labels.shape.join(', ')}]`)
  pixelBytes(`${path}: images`, images.shape)
  const bytes = readFileSync(path)
  const start = 8 + Number(bytes.readBigUInt64LE())
  const part = ({ begin, end }: { begin: number; end: number }): Uint8Array =>
    bytes.subarray(start + begin, start + end)
  return assemble(path, images.shape, part(images), integers(labels.dtype, part(labels)))
}
