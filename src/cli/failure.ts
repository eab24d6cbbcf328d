import { CommanderError } from 'commander'
import { InputError } from '../errors.ts'

/** How a run that threw ends. */
export interface Failure {
  exitCode: 0 | 2 | 3 | 130
  kind: 'usage' | 'input' | 'system' | 'memory' | 'stopped' | 'bug'
  /** For people, without the program's name. */
  message: string
  /** True if stderr has the message already. */
  said?: boolean
}

/** What the operating system's refusals mean. */
const SYSTEM: { readonly [code: string]: string } = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'disk quota exceeded',
  EFBIG: 'file too large for the file system',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'name too long',
  EIO: 'input/output error',
  EEXIST: 'already exists',
}

/** Texts of the engine's errors when an allocation fails. */
const MEMORY =
  /Array buffer allocation failed|Invalid typed array length|Invalid array buffer length|Cannot create a Buffer larger|out of memory|bad_alloc/i

/** @param stopped whether Ctrl-C was pressed: whatever it broke is not worth a report */
export function classify(error: unknown, stopped: boolean): Failure {
  if (stopped) return { exitCode: 130, kind: 'stopped', message: 'stopped' }
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '')
    return { exitCode: error.exitCode === 0 ? 0 : 2, kind: 'usage', message, said: true }
  }
  if (error instanceof InputError) return { exitCode: 2, kind: 'input', message: error.message }
  if (!(error instanceof Error))
    return { exitCode: 3, kind: 'bug', message: `an internal error: ${String(error)}` }
  if (isMemory(error))
    return {
      exitCode: 2,
      kind: 'memory',
      message: `out of memory: ${error.message}; this model or input needs a larger machine`,
    }
  const system = systemMessage(error)
  if (system) return { exitCode: 2, kind: 'system', message: system }
  return {
    exitCode: 3,
    kind: 'bug',
    message: `an internal error, please report it\n${error.stack ?? error.message}`,
  }
}

function isMemory(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined
  return code === 'ENOMEM' || code === 'ERR_MEMORY_ALLOCATION_FAILED' || MEMORY.test(error.message)
}

function systemMessage(error: Error): string | undefined {
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  const meaning = SYSTEM[error.code]
  if (meaning === undefined) return undefined
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined
  return path === undefined ? meaning : `${path}: ${meaning}`
}
