/**
 * The shape of an opening: how the committed stacks become rows of one virtual matrix, and the chain of smaller
 * commitments that opens one combined row (spec/commitment.md). Both sides derive it from public sizes.
 */
import { InputError, InternalError } from '../errors.ts'
import { TWO_ADICITY } from '../field/goldilocks.ts'
import { log2Ceil } from '../poly/multilinear.ts'
import { placeAligned } from '../program/layout.ts'
import { type CommitmentName, STORED, type StoredName } from '../program/program.ts'
import { DIGEST_BYTES } from './merkle.ts'
import { type CodeSoundness, codeSoundness } from './soundness.ts'

/** What a weights commitment fixes for every proof against it. */
export interface CommitmentShape {
  /** log2 of the data entries of a row. */
  readonly logRow: number
  /** log2 of the points of the code. */
  readonly logDomain: number
  readonly rows: number
  /** Uniform coefficients behind each row: the most columns that may ever be opened. */
  readonly tail: number
}

/** One committed vector over K of 2^logMessage entries (`length` in use) as rows of 2^logRow. */
export interface FoldRound {
  readonly logMessage: number
  readonly logRow: number
  readonly rows: number
  readonly logDomain: number
  readonly code: CodeSoundness
}

/** The rows of one commitment within the virtual matrix. */
export interface Part {
  readonly name: CommitmentName
  /** Index of its first row. */
  readonly base: number
  readonly rows: number
}

/** The shapes of a proof's stored commitments: one code, each its own rows and tail. */
export type Shapes = Readonly<Partial<Record<StoredName, CommitmentShape>>> & { readonly weights: CommitmentShape }

export interface Geometry {
  /** That of the weights; row length and code are everyone's. */
  readonly shape: CommitmentShape
  /** In the order in which their columns are sent; the witness is the last. */
  readonly parts: readonly Part[]
  /** Witness rows: data, then the mask row t and the uniform rows g1, g2. */
  readonly witnessRows: number
  /**
   * As long as the longest tail of any weights: in u the rows g1, g2 must cover every position where a row of
   * weights has a uniform coefficient.
   */
  readonly witnessTail: number
  /** Variables: rows of the virtual matrix, columns, all. */
  readonly rowBits: number
  readonly variables: number
  readonly code: CodeSoundness
  readonly rounds: readonly FoldRound[]
  /** log2 of the vector sent in the clear at the end. */
  readonly finalBits: number
}

/** Rows of the witness beside its data: the mask row and two uniform rows. */
export const MASK_ROWS = 3

const pathBytes = (logDomain: number, queries: number): number =>
  queries * Math.max(0, logDomain - Math.floor(Math.log2(queries))) * DIGEST_BYTES

/** Bytes of the columns and paths of one oracle's openings. */
const queryBytes = (code: CodeSoundness, logDomain: number, elements: number): number =>
  code.queries * elements * 8 + pathBytes(logDomain, code.queries)

const FINAL_BITS = 7
/** A folding commitment may encode at most this multiple (log2) of the first message. */
const ENCODE_SLACK = 3

interface ChainPlan {
  readonly bytes: number
  readonly rounds: readonly FoldRound[]
}

const plans = new Map<string, ChainPlan>()

/** The cheapest chain in bytes; messages encode to at most 2^limit entries. */
const planRounds = (logMessage: number, length: number, limit: number): ChainPlan => {
  const key = `${logMessage} ${length} ${limit}`
  const known = plans.get(key)
  if (known) return known
  const plan = searchRounds(logMessage, length, limit)
  if (plans.size > 4096) plans.clear()
  plans.set(key, plan)
  return plan
}

const searchRounds = (logMessage: number, length: number, limit: number): ChainPlan => {
  if (logMessage <= FINAL_BITS) return { bytes: 16 * 2 ** logMessage, rounds: [] }
  let best: ChainPlan | undefined
  for (let fold = 2; fold <= 6 && logMessage - fold >= FINAL_BITS - 2; fold++) {
    const logRow = logMessage - fold
    const rows = Math.ceil(length / 2 ** logRow)
    for (let blowup = 3; blowup <= 8; blowup++) {
      if (logMessage + blowup > limit && blowup > 3) break
      const logDomain = logRow + blowup
      let code: CodeSoundness
      try {
        code = codeSoundness(2 ** logRow, logDomain)
      } catch {
        continue
      }
      const rest = planRounds(logRow, 2 ** logRow, limit)
      const bytes = queryBytes(code, logDomain, 2 * rows) + DIGEST_BYTES + 16 + 32 * fold + 8 + rest.bytes
      if (!best || bytes < best.bytes) best = { bytes, rounds: [{ logMessage, logRow, rows, logDomain, code }, ...rest.rounds] }
    }
  }
  if (!best) throw new InternalError(`no folding plan for 2^${logMessage} entries`)
  return best
}

/** log2 of the longest row. */
const MAX_LOG_ROW = 26

/** Rows of 2^logRow entries that hold `length` weights. */
export const rowsOf = (length: number, logRow: number): number => Math.max(2, Math.ceil(length / 2 ** logRow))

/**
 * Refuses a commitment whose shape could not come from committing `weightsLength` entries. The row count is exact:
 * with fewer rows, weights would lie where a proof's own witness does, and each proof could choose them anew.
 * @throws InputError
 */
export const checkShape = (shape: CommitmentShape, weightsLength: number): void => {
  const bounded = (name: keyof CommitmentShape, low: number, high: number): void => {
    const value = shape[name]
    if (!(Number.isSafeInteger(value) && value >= low && value <= high)) {
      throw new InputError(`commitment.${name}`, `an integer from ${low} to ${high}`, String(value))
    }
  }
  bounded('logRow', 1, MAX_LOG_ROW)
  bounded('logDomain', shape.logRow + 1, TWO_ADICITY)
  bounded('tail', 1, 2 ** shape.logRow)
  const rows = rowsOf(weightsLength, shape.logRow)
  bounded('rows', rows, rows)
}

/**
 * The combined row's folding chain, and the code that the chain enforces: 2^logRow + tail coefficients are opened as
 * whole rows of the chain's first vector, so that vector's length is the degree that is proven.
 */
const planOpening = (logRow: number, logDomain: number, tail: number): { rounds: readonly FoldRound[]; code: CodeSoundness } => {
  const { rounds } = planRounds(logRow + 1, 2 ** logRow + tail, logRow + 1 + ENCODE_SLACK + 1)
  const first = rounds[0]
  const degree = first ? first.rows * 2 ** first.logRow : 2 ** (logRow + 1)
  return { rounds, code: codeSoundness(degree, logDomain) }
}

/**
 * The geometry of a proof whose witness stack holds `witnessLength` entries with blocks of at most 2^maxBlock.
 * @throws InputError when the commitments have different codes, or too short rows or tails
 */
export const planGeometry = (shapes: Shapes, witnessLength: number, maxBlock: number): Geometry => {
  const shape = shapes.weights
  const columns = 2 ** shape.logRow
  const witnessRows = Math.ceil(witnessLength / columns) + MASK_ROWS
  const stored = STORED.flatMap(name => {
    const own = shapes[name]
    return own ? [{ name, ...own }] : []
  })
  for (const other of stored) {
    if (other.logRow !== shape.logRow || other.logDomain !== shape.logDomain) {
      throw new InputError(`commitment.${other.name}`, `rows of 2^${shape.logRow} entries over 2^${shape.logDomain} points`, `2^${other.logRow} over 2^${other.logDomain}`)
    }
  }
  // Each stack gets the aligned power of two that a claim on the whole of it covers, to itself.
  const { offsets, length } = placeAligned(stored.map(({ rows }) => log2Ceil(rows)))
  const parts: Part[] = stored.map(({ name, rows }, i) => ({ name, base: offsets[i] ?? 0, rows }))
  // The witness begins at a multiple of its largest block.
  const block = 2 ** Math.max(0, maxBlock - shape.logRow)
  const witnessBase = Math.ceil(length / block) * block
  parts.push({ name: 'witness', base: witnessBase, rows: witnessRows })
  const rowBits = log2Ceil(witnessBase + witnessRows)
  const longest = Math.max(...stored.map(({ tail }) => tail))
  const shortest = Math.min(...stored.map(({ tail }) => tail))
  const { rounds, code } = planOpening(shape.logRow, shape.logDomain, longest)
  if (shortest <= code.queries) {
    throw new InputError('commitment', `more than ${code.queries} uniform coefficients a row`, `${shortest}`)
  }
  const variables = rowBits + shape.logRow
  if (2 * (2 * variables + 1) > columns) {
    throw new InputError('commitment', `rows of at least ${2 * (2 * variables + 1)} entries`, `${columns}`)
  }
  const last = rounds.at(-1)
  return {
    shape,
    witnessRows,
    witnessTail: longest,
    parts,
    rowBits,
    variables,
    code,
    rounds,
    finalBits: last ? last.logRow : shape.logRow + 1,
  }
}

/** Estimated bytes of an opening: columns, paths and the folding chain. */
export const openingBytes = (g: Geometry): number => {
  const columns = g.code.queries * 8 * g.parts.reduce((s, part) => s + part.rows, 0)
  const chain = g.rounds.reduce((s, r) => s + queryBytes(r.code, r.logDomain, 2 * r.rows) + DIGEST_BYTES + 64, 0)
  return columns + g.parts.length * pathBytes(g.shape.logDomain, g.code.queries) + chain + 16 * 2 ** g.finalBits
}

/** log2 of the code's rate denominator for weights and witness. */
export const LOG_BLOWUP = 3

/** Proof bytes that one encoded entry of a mask row is worth. */
const MASK_COST = 0.01

/** One coefficient for every column that may ever be opened, and one that keeps unopened columns unknown. */
const tailFor = (openings: number, code: CodeSoundness): number => openings * code.queries + 1

/**
 * The shape of a renewed commitment: rows and code as before, a tail for `openings`.
 * @throws InputError when the rows cannot hide so many openings
 */
export const renewShape = (old: CommitmentShape, openings: number): CommitmentShape => {
  let tail = old.tail
  for (let i = 0; i < 4; i++) {
    tail = tailFor(openings, planOpening(old.logRow, old.logDomain, Math.max(old.tail, tail)).code)
    if (tail > 2 ** old.logRow) {
      throw new InputError('budget', `at most ${2 ** old.logRow} uniform coefficients a row`, `${tail} for ${openings} openings`)
    }
  }
  const needed = tailFor(openings, planOpening(old.logRow, old.logDomain, Math.max(old.tail, tail)).code)
  if (tail < needed) throw new InternalError(`a tail of ${tail} does not cover ${openings} openings`)
  return { ...old, tail }
}

/** What a commitment must hold: entries, and the proofs it serves before it must be refreshed. */
export interface Demand {
  readonly length: number
  readonly openings: number
}

/**
 * The cheapest row length for commitments that open together, with a typical witness. They share row length and code.
 * @returns their shapes
 * @throws InputError when no rows can hold the opening budgets
 */
export const chooseShapes = <N extends StoredName>(
  demands: Readonly<Record<N | 'weights', Demand>>,
  witnessLength: number,
): Readonly<Record<N | 'weights', CommitmentShape>> => {
  let best: { shapes: Shapes; cost: number } | undefined
  const names = STORED.filter(name => name in demands) as (N | 'weights')[]
  const openings = Math.max(...names.map(name => demands[name].openings))
  for (let logRow = 9; logRow <= 22; logRow++) {
    const columns = 2 ** logRow
    const logDomain = logRow + LOG_BLOWUP
    // The tail lowers the rate, hence the query count it must cover: iterate to a fixed point.
    let tail = openings * 64
    try {
      for (let i = 0; i < 4; i++) tail = tailFor(openings, planOpening(logRow, logDomain, tail).code)
      if (tail > columns || tail < tailFor(openings, planOpening(logRow, logDomain, tail).code)) continue
      const alone = { logRow, logDomain, rows: rowsOf(demands.weights.length, logRow), tail }
      const shapes = Object.fromEntries(
        names.map(name => [name, names.length === 1 ? alone : shapeBeside(alone, demands[name])]),
      ) as unknown as Shapes
      const g = planGeometry(shapes, witnessLength, 0)
      // Bytes decide; the mask rows' share of the work discourages rows longer than the data deserves.
      const cost = openingBytes(g) + MASK_ROWS * columns * MASK_COST
      if (!best || cost < best.cost) best = { shapes, cost }
    } catch {
      // This row length admits no sound parameters.
    }
  }
  if (!best) throw new InputError('budget', 'an opening budget that the rows can hold', `${openings}`)
  return best.shapes as Readonly<Record<N | 'weights', CommitmentShape>>
}

/** log2 of the part of a row that tails may take where commitments of different tails open together. */
const JOINT_TAIL = 2

/** A tail that hides `openings` openings beside any other tail of at most a quarter of the row. */
const jointTail = (logRow: number, logDomain: number, openings: number): number => {
  const most = 2 ** (logRow - JOINT_TAIL)
  const tail = tailFor(openings, planOpening(logRow, logDomain, most).code)
  if (tail > most) throw new InputError('budget', `at most ${most} uniform coefficients a row`, `${tail} for ${openings} openings`)
  return tail
}

/**
 * The shape of a commitment that opens beside those of `other`'s row length and code.
 * @throws InputError when the rows cannot hide so many openings
 */
export const shapeBeside = ({ logRow, logDomain }: CommitmentShape, { length, openings }: Demand): CommitmentShape => ({
  logRow,
  logDomain,
  rows: rowsOf(length, logRow),
  tail: jointTail(logRow, logDomain, openings),
})

/** The cheapest row length for weights of `length` entries that serve `budget` proofs of a typical witness. */
export const chooseShape = (length: number, budget: number, witnessLength: number): CommitmentShape =>
  chooseShapes<never>({ weights: { length, openings: budget } }, witnessLength).weights
