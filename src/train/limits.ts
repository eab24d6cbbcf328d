/**
 * What a description may ask of a verifier: its time and memory follow from public sizes, which anyone may have written.
 * Checked before anything of these sizes is made.
 */
import { InputError } from '../errors.ts'
import { shapePieceCount } from '../program/layout.ts'
import type { Program, Relation } from '../program/program.ts'
import type { Network, Stage } from './network.ts'
import type { WindowSpec } from './program/window.ts'

/** Examples read by a window, T B. */
const MAX_READ = 2 ** 17
/** Coefficients of a window's history, T^2, and tensors of its stages and steps. */
const MAX_STAGE_STEPS = 2 ** 15
/** Pixels that the taps of a network's gathers read. */
const MAX_TAPS = 2 ** 22
/** Words drawn for the permutations of a window's epochs. */
const MAX_DRAWN = 2 ** 24
/** Blocks of tensors that the verifier's forms visit. */
const MAX_VISITS = 2 ** 22

const within = (argument: string, most: number, got: number): void => {
  if (!(got <= most)) throw new InputError(argument, `at most ${most}`, `${got}`)
}

/** @throws InputError where gathers are too large */
export const checkGathers = (stages: readonly Stage[]): void => {
  const taps = stages.map(({ gather, positions, taps }) => (gather ? positions * taps * gather.pool ** 2 : 0))
  within(
    'pixels read by the taps of all layers',
    MAX_TAPS,
    taps.reduce((a, b) => a + b, 0),
  )
}

/** @throws InputError naming what is too large for one proof */
export const checkWindowSize = ({ config, examples, steps }: WindowSpec, { stages }: Network): void => {
  const { batch } = config
  within('examples of a window (steps times batch)', MAX_READ, steps * batch)
  within('steps of a window times stages', MAX_STAGE_STEPS, steps * stages.length)
  const epochs = 1 + Math.ceil(steps / Math.max(1, Math.floor(examples / batch)))
  within('examples in the epochs of a window', MAX_DRAWN, epochs * examples)
}

const entriesOf = ({ linear, products }: Relation) => [
  ...linear,
  ...products.flatMap(({ factors }) => factors.flatMap(f => (f.kind === 'tensor' ? f.entries : []))),
]

/** Blocks of all tensors, and again for each place that names them. */
export const programVisits = (program: Program): number => {
  let out = 0
  for (const list of [program.weights, program.next ?? [], program.data ?? [], program.witness]) {
    for (const { shape } of list) out += shapePieceCount(shape)
  }
  for (const { shape, columns } of program.lookups) out += shapePieceCount(shape) * (1 + columns.length)
  for (const relation of program.relations) {
    for (const { tensor } of entriesOf(relation)) out += shapePieceCount(tensor.shape)
  }
  return out
}

/** @throws InputError where a proof would be too long to verify */
export const checkProgramSize = (program: Program): void => {
  within(
    'blocks of tensors in a window (sizes that are powers of two have the fewest)',
    MAX_VISITS,
    programVisits(program),
  )
}
