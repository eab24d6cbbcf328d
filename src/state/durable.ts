import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Writes a file so that its name never shows half of it: a temporary file in the same directory, fsync, rename, fsync of
 * the directory. After it returns, a power failure cannot take the file back.
 * @param mode permissions; 0o600 for secrets
 * @throws the file system's error with `path` set to this path, after removing the temporary file
 */
export function writeAtomic(path: string, bytes: Uint8Array | string, mode = 0o644): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    writeSynced(temporary, bytes, mode)
    renameSync(temporary, path)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw withPath(error, path)
  }
}

/**
 * Creates a file that must not exist yet, and waits until its content is on the disk. Its name is safe only after
 * `syncDirectory`.
 */
export function writeSynced(path: string, bytes: Uint8Array | string, mode = 0o644): void {
  const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  const fd = openSync(path, 'wx', mode)
  try {
    for (let done = 0; done < data.length; ) done += writeSync(fd, data, done)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Waits until the names in a directory are on the disk. Windows has no such call, and needs none. */
export function syncDirectory(dir: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Errors of a write to a descriptor do not say which file it was. */
function withPath(error: unknown, path: string): unknown {
  if (error instanceof Error && 'code' in error) Object.assign(error, { path })
  return error
}
