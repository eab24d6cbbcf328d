/** Which image files a command line means, and where their results go. */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { globSync } from 'tinyglobby'
import { InputError } from '../errors.ts'
import { FORMATS, type Format, formatOf } from './codec.ts'

export interface Work {
  readonly input: string
  readonly output: string
  readonly format: Format
}

/** The usual ending of a format's file names. */
const ENDING: Readonly<Record<Format, string>> = { png: '.png', jpeg: '.jpg', webp: '.webp', tiff: '.tif' }

/**
 * The files behind names of files, folders (the images directly in them) and patterns (`*`, `?`, `**`, `{a,b}`).
 * @returns each file once, in the order named, those of a folder or pattern by name
 * @throws InputError if a folder or pattern has no image; the file system's error for a name that is not there
 */
export function expandInputs(names: readonly string[]): string[] {
  const files = new Map<string, string>()
  for (const name of names) for (const file of expand(name)) files.set(realpathSync(file), file)
  return [...files.values()]
}

function expand(name: string): string[] {
  const stats = statSync(name, { throwIfNoEntry: false })
  if (stats?.isFile()) return [name]
  if (stats?.isDirectory()) {
    const images = readdirSync(name).filter(entry => formatOf(entry))
    if (images.length === 0)
      throw new InputError(name, `a folder with images (${FORMATS.join(', ')})`, 'none in it')
    return images.sort().map(entry => join(name, entry))
  }
  if (!/[*?[{]/.test(name)) statSync(name)
  const images = globSync(name, { expandDirectories: false }).filter(file => formatOf(file))
  if (images.length === 0)
    throw new InputError(name, 'a pattern that matches an image', 'one that matches none')
  return images.sort()
}

/**
 * Names the results.
 * @param output a file, if there is one input and this name ends like an image; else a folder
 * @param format of all results (default: that of the file name, or of the input)
 * @returns whether `output` is a folder that may have to be made, and what to do
 * @throws InputError if two inputs would get one name, or an ending is unknown or contradicts `format`
 */
export function planOutputs(
  inputs: readonly string[],
  output: string,
  format?: Format,
): { folder: boolean; work: Work[] } {
  const stats = statSync(output, { throwIfNoEntry: false })
  const folder = stats
    ? stats.isDirectory()
    : inputs.length > 1 || /[/\\]$/.test(output) || extname(output) === ''
  if (!folder) {
    const [input, second] = inputs
    if (second !== undefined)
      throw new InputError('output', 'a folder for more than one image', `the file ${output}`)
    const named = formatOf(output)
    if (!named)
      throw new InputError('output', `a name that ends in ${Object.values(ENDING).join(', ')}`, output)
    if (format && format !== named)
      throw new InputError('output', `a name that ends in ${ENDING[format]}`, output)
    return { folder, work: [{ input: input!, output, format: named }] }
  }
  const taken = new Map<string, string>()
  const work = inputs.map(input => {
    const own = formatOf(input)
    const chosen = format ?? own ?? 'png'
    const name = chosen === own ? basename(input) : basename(input, extname(input)) + ENDING[chosen]
    const other = taken.get(name)
    if (other !== undefined)
      throw new InputError('input', `names that differ in one folder`, `${other} and ${input}`)
    taken.set(name, input)
    return { input, output: join(output, name), format: chosen }
  })
  return { folder, work }
}

/**
 * The reference of an input: the file itself, or the image of the same name, with any ending, in a folder.
 * @throws InputError if the folder has none; the file system's error if `reference` is not there
 */
export function referenceOf(input: string, reference: string): string {
  if (!statSync(reference).isDirectory()) return reference
  const stem = (file: string): string => basename(file, extname(file))
  const found = readdirSync(reference).find(entry => formatOf(entry) && stem(entry) === stem(input))
  if (found === undefined)
    throw new InputError('reference', `a folder with an image ${stem(input)}`, reference)
  return join(reference, found)
}
