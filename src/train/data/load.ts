/** Finds out what a path holds and reads it as a data set. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { assemble, type Dataset } from './dataset.ts'
import { readFolder } from './folder.ts'
import { readIdx } from './idx.ts'
import { readNpyImages, readNpyLabels } from './npy.ts'
import { readBytes } from './read.ts'
import { readSafetensorsDataset } from './safetensors.ts'

/** Names of a folder's images and labels, in the order in which they are looked for. */
const PAIRS: readonly (readonly [images: string, labels: string])[] = [
  ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
  ['images.npy', 'labels.npy'],
]

/** The file or its .gz, if either is there. */
const present = (path: string): string | undefined => [path, `${path}.gz`].find(p => existsSync(p))

const isNpy = (path: string): boolean => /\.npy(\.gz)?$/.test(path)

/** Where the labels of a file of images lie, by its name. */
function labelsOf(path: string): string {
  const name = basename(path).replace(/\.gz$/, '').replace('images', 'labels').replace('idx3', 'idx1')
  const found = present(join(dirname(path), name))
  if (found === undefined || found === path)
    throw new InputError(path, `its labels beside it, or named with --labels`, `no ${name}`)
  return found
}

/**
 * Reads MNIST's idx files (also .gz), a pair of NPY files, a safetensors file with `images` and `labels`, or a folder:
 * of idx or NPY files with their usual names, or of one subfolder of PNG and JPEG images a class.
 * @param labels the file of labels, where `path` is a file of images (default: beside it, by its name)
 * @param channels what images of a folder are converted to
 * @throws InputError naming the file and what is wrong with it; the file system's error if one cannot be read
 */
export async function loadDataset(
  path: string,
  { labels, channels = 1 }: { labels?: string; channels?: number } = {},
): Promise<Dataset> {
  if (!statSync(path).isDirectory()) return loadFile(path, labels)
  if (labels !== undefined)
    throw new InputError('--labels', 'a file of images as the data set', `the folder ${path}`)
  for (const [images, beside] of PAIRS) {
    const [i, l] = [present(join(path, images)), present(join(path, beside))]
    if (i !== undefined && l === undefined)
      throw new InputError(path, `${beside} beside ${basename(i)}`, 'none')
    if (i !== undefined) return loadFile(i, l)
  }
  return readFolder(path, channels)
}

function loadFile(path: string, labels?: string): Dataset {
  if (path.endsWith('.safetensors')) {
    if (labels !== undefined) throw new InputError('--labels', 'none: the file holds its labels', labels)
    return readSafetensorsDataset(path)
  }
  const labelPath = labels ?? labelsOf(path)
  const images = isNpy(path) ? readNpyImages(path, readBytes(path)) : readIdx(path, readBytes(path), [3, 4])
  const values = isNpy(labelPath)
    ? readNpyLabels(labelPath, readBytes(labelPath))
    : readIdx(labelPath, readBytes(labelPath), [1]).data
  return assemble(path, images.shape, images.data, values)
}
