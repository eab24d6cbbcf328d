/**
 * The private state of a commitment: a directory beside the public file, with the secret seed, the opening budget, and
 * one claim file for every opening that was ever handed out.
 *
 * Every proof opens new columns of the committed weights, and the commitment hides only so many. An opening is handed
 * out by creating `claim-N` with O_EXCL, which succeeds for exactly one process, and syncing file and directory
 * before the number is returned. So there is no lock that could go stale and no counter that could be torn: a crash at
 * any point either leaves no claim and nobody has the number, or leaves a claim that is never given out again.
 *
 * Restoring an older copy of the directory would hand out the same numbers twice, and no program can notice:
 * `proofmark refresh` is the way on when a state is lost.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InputError } from '../errors.ts'
import { syncDirectory, writeSynced } from './durable.ts'
import { encodeSecret, MAX_BUDGET, readSecret, type Secret } from './secret.ts'

export const SEED_BYTES = 32
const SECRET = 'secret'
/** There from the start, so that a directory whose claims were swept away is noticed. */
const CREATED = 'claims-start-here'
const CLAIM = /^claim-(\d{7})$/

/** A state as it is at one moment. */
export interface State extends Secret {
  readonly path: string
  /** Openings handed out, or lost to a crash: the next one is number `used`. */
  readonly used: number
  /** Openings left. */
  readonly remaining: number
}

/**
 * Openings beyond the budget, numbers budget .. budget + 3, kept for `refresh`: it opens the old commitment once more when
 * the budget is spent, and may crash a few times. A commitment has to hide budget + REFRESH_OPENINGS of them.
 */
export const REFRESH_OPENINGS = 4

/** Where the private state of a commitment file lies. */
export function statePath(commitmentFile: string): string {
  return `${commitmentFile}.state`
}

/** A seed from the operating system. */
export function newSeed(): Uint8Array {
  return randomBytes(SEED_BYTES)
}

/**
 * Creates a state, complete or not at all, readable by its owner only. Call it before the commitment is published.
 * @param secret.budget openings, 1 .. 2^20
 * @throws InputError if there already is something at `path`: a state is never overwritten
 */
export function createState(path: string, secret: Secret): State {
  if (secret.seed.length !== SEED_BYTES)
    throw new InputError('seed', `${SEED_BYTES} bytes`, `${secret.seed.length}`)
  checkCount('budget', secret.budget, MAX_BUDGET)
  const building = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    mkdirSync(building, { mode: 0o700 })
    writeSynced(join(building, SECRET), encodeSecret(secret), 0o600)
    writeSynced(join(building, CREATED), '', 0o600)
    syncDirectory(building)
    // rename replaces an empty directory, and a file on some systems, without asking.
    if (existsSync(path)) throw exists(path)
    renameSync(building, path)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(building, { recursive: true, force: true })
    if (['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw exists(path)
    throw error
  }
  return openState(path)
}

/** @throws InputError if the state is missing or damaged */
export function openState(path: string): State {
  const secret = readSecret(join(path, SECRET))
  const used = nextClaim(path, 0, secret.budget)
  return { ...secret, path, used, remaining: Math.max(0, secret.budget - used) }
}

/**
 * Takes openings out of the budget, for good. When it returns, the claims are on the disk.
 * @param count how many, at least 1
 * @returns their numbers, each in [0, budget), increasing, never returned before or again to anyone
 * @throws InputError if fewer than `count` are left (then nothing is taken), or if the state is missing or damaged
 */
export function reserve(path: string, count: number): number[] {
  checkCount('count', count, MAX_BUDGET)
  const state = openState(path)
  requireOpenings(state, count)
  const { budget, used } = state
  const numbers: number[] = []
  for (let number = used; numbers.length < count; number++) {
    // Others may have taken some meanwhile. Those taken here are then lost, which is the safe side.
    if (number >= budget) throw exhausted(path, count, numbers.length)
    if (claim(path, number)) numbers.push(number)
  }
  syncDirectory(path)
  return numbers
}

/**
 * Checks early, before long work, what `reserve` will check when it counts.
 * @throws InputError if fewer than `count` openings are left
 */
export function requireOpenings(state: State, count: number): void {
  if (count > state.remaining) throw exhausted(state.path, count, state.remaining)
}

/**
 * Takes one of the openings that are kept for `refresh`.
 * @returns its number, in [budget, budget + REFRESH_OPENINGS), never returned before or again to anyone
 * @throws InputError if all of them are taken, or if the state is missing or damaged
 */
export function reserveRefresh(path: string): number {
  const { budget } = openState(path)
  const end = budget + REFRESH_OPENINGS
  for (let number = nextClaim(path, budget, end); number < end; number++)
    if (claim(path, number)) {
      syncDirectory(path)
      return number
    }
  throw new InputError(
    path,
    `one of ${REFRESH_OPENINGS} openings for a refresh`,
    'none left; commit the model again',
  )
}

/** Whether this call created the claim. */
function claim(path: string, number: number): boolean {
  try {
    writeSynced(join(path, `claim-${String(number).padStart(7, '0')}`), '', 0o600)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * One more than the highest claim in [from, to). Gaps are not used again: a power failure may have taken the name of a claim whose
 * number was never returned, and a name deleted by hand cannot be told from that.
 */
function nextClaim(path: string, from: number, to: number): number {
  const names = readdirSync(path)
  if (!names.includes(CREATED)) throw new InputError(path, 'an intact state directory', `no ${CREATED} in it`)
  let next = from
  for (const name of names) {
    const match = CLAIM.exec(name)
    const number = match ? Number(match[1]) : -1
    if (number >= from && number < to) next = Math.max(next, number + 1)
    else if (name.startsWith('claim-') && !match)
      throw new InputError(path, 'claims that it wrote itself', name)
  }
  return next
}

function checkCount(argument: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new InputError(argument, `an integer from 1 to ${most}`, `${value}`)
}

function exists(path: string): InputError {
  return new InputError(path, 'no state there yet (states are never overwritten)', 'an existing one')
}

function exhausted(path: string, count: number, remaining: number): InputError {
  return new InputError(
    path,
    `${count} ${count === 1 ? 'opening' : 'openings'} left in the commitment's budget`,
    `${remaining} left; run \`proofmark refresh\` to commit the same weights under new randomness`,
  )
}
