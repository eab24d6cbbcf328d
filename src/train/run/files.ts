/**
 * The files of a run directory. Everything outside `private` may be published:
 *
 *     run.json                          the statement: configuration, n, sampling seed, steps
 *     data.commitment                   of the data set
 *     chain/00000016.commitment         of the state before step 16
 *     proofs/00000000-00000016.proof    of steps 0 .. 15
 *     private/data.state                seed and opening budget of data.commitment (src/state)
 *     private/chain/00000016.state      of chain/00000016.commitment
 *     private/weights/00000016.safetensors
 *     private/log.jsonl                 step, loss, accuracy, seconds
 */
import { join } from 'node:path'

const number = (step: number): string => String(step).padStart(8, '0')

export const FILES = {
  run: 'run.json',
  data: 'data.commitment',
  dataState: join('private', 'data.state'),
  log: join('private', 'log.jsonl'),
  chain: (step: number): string => join('chain', `${number(step)}.commitment`),
  chainState: (step: number): string => join('private', 'chain', `${number(step)}.state`),
  weights: (step: number): string => join('private', 'weights', `${number(step)}.safetensors`),
  proof: (from: number, to: number): string => join('proofs', `${number(from)}-${number(to)}.proof`),
}

export const PUBLIC_FOLDERS = ['chain', 'proofs']
export const PRIVATE_FOLDERS = ['private', join('private', 'chain'), join('private', 'weights')]
