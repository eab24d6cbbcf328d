import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { InputError } from '../errors.ts'

/** What a prover must keep private about one commitment. Written once, never changed. */
export interface Secret {
  /** 32 bytes; all randomness of the commitment derives from it. */
  seed: Uint8Array
  /** How many openings the commitment hides. */
  budget: number
  /** Digest of the public commitment that belongs to it, so that the two cannot be mixed up. */
  commitment: Uint8Array
}

export const MAX_BUDGET = 2 ** 20
const FORMAT = 'proofmark-state-1'

/** The text of a secret; the last line is a checksum against damage, not against an attacker. */
export function encodeSecret({ seed, budget, commitment }: Secret): string {
  const lines = [FORMAT, `seed ${hex(seed)}`, `budget ${budget}`, `commitment ${hex(commitment)}`]
  return [...lines, `check ${check(lines)}`, ''].join('\n')
}

/**
 * @throws InputError if the file is missing or damaged. It never falls back on defaults: a counter that starts again
 *   would open more of the weights than the commitment hides.
 */
export function readSecret(path: string): Secret {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new InputError(path, 'the private state of a commitment', 'no such file')
  }
  const fields =
    /^(proofmark-state-1)\nseed ([0-9a-f]{64})\nbudget (\d{1,7})\ncommitment ([0-9a-f]*)\ncheck (\w+)\n$/.exec(
      text,
    )
  if (!fields || fields[5] !== check(text.split('\n').slice(0, 4)))
    throw new InputError(
      path,
      'an intact state file',
      'a damaged one (restore nothing from a backup: commit the model again)',
    )
  return {
    seed: Buffer.from(fields[2] ?? '', 'hex'),
    budget: Number(fields[3]),
    commitment: Buffer.from(fields[4] ?? '', 'hex'),
  }
}

function check(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
