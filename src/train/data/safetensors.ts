import { InputError } from '../../errors.ts'
import { type RawTensor, readRaw } from '../../import/safetensors-raw.ts'
import { assemble, type Dataset } from './dataset.ts'
import { integers, isIntegerType } from './integers.ts'

/**
 * The tensors `images` (U8) and `labels` (integers, one dimension) of a safetensors file.
 * @throws InputError naming file and tensor
 */
export function readSafetensorsDataset(path: string): Dataset {
  const tensors = readRaw(path)
  const find = (name: string): RawTensor => {
    const found = tensors.get(name)
    if (!found) throw new InputError(path, `a tensor ${name}`, [...tensors.keys()].join(', ') || 'none')
    return found
  }
  const [images, labels] = [find('images'), find('labels')]
  if (images.dtype !== 'U8') throw new InputError(`${path}: images`, 'unsigned bytes (U8)', images.dtype)
  if (!isIntegerType(labels.dtype)) throw new InputError(`${path}: labels`, 'integers', labels.dtype)
  if (labels.shape.length !== 1)
    throw new InputError(`${path}: labels`, 'one dimension', `[${labels.shape.join(', ')}]`)
  return assemble(path, images.shape, images.bytes, integers(labels.dtype, labels.bytes))
}
