/** The public files of a run directory, for its verification. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { Rejection } from '../../proof/rejection.ts'
import { boundaries, decodeRun } from '../api.ts'
import { FILES } from './files.ts'

/** No public file of ours comes near it. */
const MAX_BYTES = 2 ** 28

export interface PublicRun {
  /** Bytes of run.json and of data.commitment. */
  readonly run: Uint8Array
  readonly data: Uint8Array
  /** From step 0 to `provenSteps`, and the proofs between neighbours. */
  readonly commitments: readonly Uint8Array[]
  readonly proofs: readonly Uint8Array[]
  readonly provenSteps: number
  /** Of the whole run. */
  readonly steps: number
  /** The first file of the chain that is not there. */
  readonly missing: string | undefined
}

const read = (path: string): Uint8Array => {
  const { size } = statSync(path)
  if (size > MAX_BYTES) throw new InputError(path, `at most ${MAX_BYTES} bytes`, `${size}`)
  return readFileSync(path)
}

/**
 * Reads the chain from its start up to the first file that is missing.
 * @throws InputError if run.json is no statement of a run; the file system's error if it, or data.commitment, or the
 *   first commitment cannot be read
 */
export function readPublic(path: string): PublicRun {
  const run = read(join(path, FILES.run))
  const statement = parse(join(path, FILES.run), run)
  const data = read(join(path, FILES.data))
  const all = boundaries(statement)
  const commitments = [read(join(path, FILES.chain(0)))]
  const proofs: Uint8Array[] = []
  let missing: string | undefined
  for (let w = 0; w + 1 < all.length; w++) {
    const [from, to] = [all[w] as number, all[w + 1] as number]
    missing = [FILES.proof(from, to), FILES.chain(to)].find(name => !existsSync(join(path, name)))
    if (missing !== undefined) break
    proofs.push(read(join(path, FILES.proof(from, to))))
    commitments.push(read(join(path, FILES.chain(to))))
  }
  return {
    run,
    data,
    commitments,
    proofs,
    provenSteps: all[proofs.length] as number,
    steps: statement.steps,
    missing,
  }
}

const parse = (path: string, bytes: Uint8Array) => {
  try {
    return decodeRun(bytes)
  } catch (error) {
    if (error instanceof Rejection)
      throw new InputError(path, 'the statement of a training run', error.reason)
    throw error
  }
}
