import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from '../errors.ts'
import { statePath } from '../state/state.ts'

export { writeAtomic } from '../state/durable.ts'

/** Where a model's commitment lies unless told otherwise. */
export function defaultCommitment(model: string): string {
  return join(model, 'proofmark.commitment')
}

/**
 * Checks, before long work starts, that a file can be written at its end.
 * @param protect files that must not be overwritten, such as the inputs
 * @throws InputError if the path is a directory, a private state or inside one, or one of `protect`; the file system's
 *   error, with the path, if the directory is missing or not writable
 */
export function checkOutput(path: string, protect: readonly string[] = []): void {
  const dir = dirname(resolve(path))
  if (!statSync(dir).isDirectory())
    throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR', path: dir })
  accessSync(dir, constants.W_OK | constants.X_OK)
  if (isState(dir) || isState(path))
    throw new InputError(path, 'a path that is not private state', 'the state of a commitment')
  if (!existsSync(path)) return
  if (!statSync(path).isFile()) throw new InputError(path, 'a file or a new name', 'a directory or device')
  if (existsSync(statePath(path)))
    throw new InputError(
      path,
      'a path that is not a commitment with private state',
      'one that has a state beside it',
    )
  for (const other of protect)
    if (existsSync(other) && realpathSync(other) === realpathSync(path))
      throw new InputError(path, 'a path other than that of an input', other)
}

/**
 * Checks that a commitment and its private state can be created at `path`.
 * @throws InputError if either is there already
 */
export function checkNewCommitment(path: string): void {
  checkOutput(path)
  if (existsSync(path))
    throw new InputError(path, 'a new name (proofs name the commitment that is there)', 'a file')
  const state = statePath(path)
  if (existsSync(state))
    throw new InputError(
      state,
      'no state there yet',
      `a state without its commitment; if ${basename(path)} was never published, remove it`,
    )
}

/** Creates an output directory, or checks that an existing one is empty and writable. */
export function prepareDirectory(path: string): void {
  if (isState(path) || isState(dirname(resolve(path))))
    throw new InputError(path, 'a path that is not private state', 'one')
  mkdirSync(path, { recursive: true })
  accessSync(path, constants.W_OK | constants.X_OK)
  const names = readdirSync(path)
  if (names.length > 0) throw new InputError(path, 'a new or empty directory', `one with ${names[0]} in it`)
}

/**
 * Reads an input file.
 * @param maxBytes larger files are refused unread
 */
export function readInput(path: string, maxBytes = 2 ** 30): Uint8Array {
  const stats = statSync(path)
  if (stats.isDirectory()) throw new InputError(path, 'a file', 'a directory')
  if (stats.size > maxBytes) throw new InputError(path, `at most ${maxBytes} bytes`, `${stats.size}`)
  return readFileSync(path)
}

/** Reads a text file, which must be UTF-8. */
export function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readInput(path))
  } catch (error) {
    if (error instanceof TypeError) throw new InputError(path, 'UTF-8 text', 'other bytes')
    throw error
  }
}

/** Checks that a model argument is a directory. */
export function checkModel(path: string): void {
  if (!statSync(path).isDirectory()) throw new InputError(path, 'a model directory', 'a file')
}

/** Whether a path is a private state: a directory that holds a seed. */
function isState(path: string): boolean {
  return existsSync(join(path, 'secret')) && existsSync(join(path, 'claims-start-here'))
}
