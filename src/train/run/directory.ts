/** Opens a run directory, new or one to go on with; finds out how far its chain of proofs reaches. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { Rejection } from '../../proof/rejection.ts'
import { syncDirectory, writeAtomic } from '../../state/durable.ts'
import { createState, newSeed, openState, REFRESH_OPENINGS } from '../../state/state.ts'
import { type Commitment, boundaries, decodeRun, encodeRun, type RunStatement } from '../api.ts'
import { FILES, PRIVATE_FOLDERS, PUBLIC_FOLDERS } from './files.ts'

/** What is wanted of a run; a seed that is not given is drawn, or taken from the directory. */
export type WantedRun = Omit<RunStatement, 'samplingSeed'> & { readonly samplingSeed?: string }

export interface RunDirectory {
  readonly path: string
  readonly run: RunStatement
  /** Steps before which the run commits to its state. */
  readonly boundaries: readonly number[]
}

/** What a write that was killed leaves behind. */
const LEFTOVER = /^\..*\.tmp$/

/**
 * Creates a run, or opens the one that is there. Its statement is the first file written, whole or not at all, so that
 * a directory killed at any moment is a run or empty.
 * @throws InputError naming the field in which the run that is there differs from the wanted one; if the directory holds
 *   something else; if run.json is damaged
 */
export function openRun(path: string, wanted: WantedRun): RunDirectory {
  const file = join(path, FILES.run)
  const exists = existsSync(file)
  if (!exists) {
    mkdirSync(path, { recursive: true })
    const stray = readdirSync(path).find(name => !LEFTOVER.test(name))
    if (stray !== undefined)
      throw new InputError(
        path,
        `a new or empty directory, or one with ${FILES.run}`,
        `one with ${stray} in it`,
      )
  }
  const run = exists
    ? readRun(path)
    : { ...wanted, samplingSeed: wanted.samplingSeed ?? Buffer.from(newSeed()).toString('hex') }
  if (exists) checkSame(file, run, { ...wanted, samplingSeed: wanted.samplingSeed ?? run.samplingSeed })
  else writeAtomic(file, encodeRun(run))
  for (const folder of PUBLIC_FOLDERS) mkdirSync(join(path, folder), { recursive: true })
  for (const folder of PRIVATE_FOLDERS) mkdirSync(join(path, folder), { recursive: true, mode: 0o700 })
  syncDirectory(path)
  syncDirectory(join(path, 'private'))
  return { path, run, boundaries: boundaries(run) }
}

/** A run that is there, as it is. @throws InputError if run.json is damaged; the file system's error if there is none */
export function existingRun(path: string): RunDirectory {
  const run = readRun(path)
  return { path, run, boundaries: boundaries(run) }
}

/** @throws InputError if run.json is damaged */
function readRun(path: string): RunStatement {
  const file = join(path, FILES.run)
  try {
    return decodeRun(readFileSync(file))
  } catch (error) {
    if (error instanceof Rejection)
      throw new InputError(file, 'the statement of a training run', error.reason)
    throw error
  }
}

/** @throws InputError naming the first field that differs */
function checkSame(file: string, run: unknown, wanted: unknown, field = ''): void {
  const [a, b] = [run, wanted].map(value => (typeof value === 'object' && value !== null ? value : undefined))
  if (a && b) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const inside = field === '' ? key : Array.isArray(a) ? `${field}[${key}]` : `${field}.${key}`
      checkSame(file, a[key as keyof typeof a], b[key as keyof typeof b], inside)
    }
  } else if (run !== wanted)
    throw new InputError(
      field,
      `${JSON.stringify(run) ?? 'none'}, as in ${file}`,
      JSON.stringify(wanted) ?? 'none',
    )
}

/** How many windows from the first on have their proof. */
export function provenWindows({ path, boundaries: steps }: RunDirectory): number {
  let count = 0
  while (count + 1 < steps.length && existsSync(join(path, proofOf(steps, count)))) count++
  return count
}

/** The proof of a window, by its place in the chain. */
export function proofOf(steps: readonly number[], window: number): string {
  return FILES.proof(steps[window] as number, steps[window + 1] as number)
}

/**
 * The commitment of a file, made once: its seed is drawn and stored before the file can be seen, and from then on the
 * same commitment is made again from it.
 * @param commit what the seed and the number of openings give
 * @param what is committed to, for the error
 * @throws InputError if the private state is missing or damaged, or if what is committed to has changed
 */
export async function commitOnce<C>(
  { path }: RunDirectory,
  files: { readonly file: string; readonly state: string },
  budget: number,
  what: string,
  commit: (seed: Uint8Array, openings: number) => Commitment<C> | Promise<Commitment<C>>,
): Promise<Commitment<C>> {
  const [file, state] = [join(path, files.file), join(path, files.state)]
  if (existsSync(file) || existsSync(state)) {
    const secret = openState(state)
    const made = await commit(secret.seed, secret.budget + REFRESH_OPENINGS)
    const digest = Buffer.from(secret.commitment).toString('hex')
    if (made.digest !== digest) throw new InputError(what, `what ${file} commits to`, 'something else')
    if (!existsSync(file)) writeAtomic(file, made.file)
    else if (!Buffer.from(made.file).equals(readFileSync(file)))
      throw new InputError(
        file,
        'the commitment that its private state belongs to',
        'another or a damaged one',
      )
    return made
  }
  const seed = newSeed()
  const made = await commit(seed, budget + REFRESH_OPENINGS)
  createState(state, { seed, budget, commitment: Buffer.from(made.digest, 'hex') })
  writeAtomic(file, made.file)
  return made
}
