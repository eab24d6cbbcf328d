/** A folder with one subfolder a class and images in each. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { assemble, type Dataset, MAX_CLASSES, pixelBytes } from './dataset.ts'

const IMAGE = /\.(png|jpe?g)$/i

/** sharp, without whose binary only image folders are refused. */
async function loadSharp() {
  try {
    return (await import('sharp')).default
  } catch (error) {
    const got = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new InputError('images', 'the package sharp, which decodes PNG and JPEG files', got)
  }
}

/**
 * Labels are the places of the subfolders in alphabetical order. Examples come in turns: the first image of every
 * class, the second of every class, and so on, so that the last ones are of all classes.
 * @param channels 1 for grey, 3 for colour; images are converted
 * @throws InputError naming the folder or the file: no classes, an empty class, a broken image, one of another size
 */
export async function readFolder(path: string, channels: number): Promise<Dataset> {
  if (channels !== 1 && channels !== 3)
    throw new InputError(`${path}: channels`, '1 or 3 for image files', `${channels}`)
  const classes = readdirSync(path)
    .filter(name => !name.startsWith('.') && statSync(join(path, name)).isDirectory())
    .sort()
  if (classes.length < 2 || classes.length > MAX_CLASSES)
    throw new InputError(path, `2 to ${MAX_CLASSES} subfolders, one a class`, `${classes.length}`)
  const files = classes.map(name => {
    const images = readdirSync(join(path, name))
      .filter(file => IMAGE.test(file))
      .sort()
    if (images.length === 0) throw new InputError(join(path, name), 'PNG or JPEG images', 'none')
    return images.map(file => join(path, name, file))
  })
  const turns = Math.max(...files.map(list => list.length))
  const examples: { file: string; label: number }[] = []
  for (let turn = 0; turn < turns; turn++)
    files.forEach((list, label) => {
      const file = list[turn]
      if (file !== undefined) examples.push({ file, label })
    })
  const sharp = await loadSharp()
  const first = examples[0] as { file: string }
  const { width = 0, height = 0 } = await decode(first.file, () => sharp(first.file).metadata())
  const shape = [examples.length, channels, height, width]
  const pixels = new Uint8Array(pixelBytes(path, shape))
  const size = channels * height * width
  const colours = channels === 1 ? 'b-w' : 'srgb'
  for (const [i, { file }] of examples.entries()) {
    const image = sharp(file).removeAlpha().toColourspace(colours).raw({ depth: 'uchar' })
    const { data, info } = await decode(file, () => image.toBuffer({ resolveWithObject: true }))
    if (info.width !== width || info.height !== height || info.channels !== channels)
      throw new InputError(
        file,
        `an image of ${width} x ${height}, as the first one`,
        `${info.width} x ${info.height}${info.channels === channels ? '' : ` with ${info.channels} channels`}`,
      )
    // From pixel after pixel to plane after plane.
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < height * width; p++)
        pixels[i * size + c * height * width + p] = data[p * channels + c] as number
  }
  return {
    ...assemble(
      path,
      shape,
      pixels,
      examples.map(e => e.label),
    ),
    classes: classes.length,
  }
}

async function decode<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw new InputError(file, 'a PNG or JPEG image', error instanceof Error ? error.message : String(error))
  }
}
