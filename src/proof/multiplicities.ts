/** How often each table row is looked up. Prover only. */
import type { Backend } from '../backend/backend.ts'
import { InternalError } from '../errors.ts'
import type { LookupColumn, Program, Tensor } from '../program/program.ts'

/** Where the integers of tensors are. */
export interface Integers {
  readonly backend: Backend
  ints(tensor: Tensor): Int32Array
}

/** The values of a looked-up column. */
const columnValues = (x: Integers, column: LookupColumn, length: number): Int32Array => {
  const only = column.entries[0]
  if (column.entries.length === 1 && only?.coef === 1n && column.offset === 0n) return x.ints(only.tensor)
  const out = new Int32Array(length).fill(Number(column.offset))
  for (const { coef, tensor } of column.entries) {
    const data = x.ints(tensor)
    const c = Number(coef)
    for (let i = 0; i < length; i++) out[i] = (out[i] as number) + c * (data[i] as number)
  }
  return out
}

/**
 * Fills the multiplicities of every table; rows are found by a table's first column, which counts up by one.
 * @throws InternalError naming the lookup when a value lies outside its table
 */
export const countMultiplicities = (program: Program, x: Integers): void => {
  const counts = program.tables.map(t => new Uint32Array(2 ** t.bits))
  for (const lookup of program.lookups) {
    const length = lookup.shape.reduce((p, s) => p * s, 1)
    const table = program.tables[lookup.table]
    const target = counts[lookup.table]
    const column = lookup.columns[0]
    if (!table || !target || !column) throw new InternalError(`${lookup.name}: no table`)
    const low = table.columns === 'range' ? 0 : (table.columns[0]?.[0] ?? 0)
    try {
      x.backend.histogram(columnValues(x, column, length), low, target)
    } catch (error) {
      throw new InternalError(`${lookup.name}: ${(error as Error).message}`)
    }
  }
  program.multiplicities.forEach((tensor, k) => x.ints(tensor).set(counts[k] as Uint32Array))
}
