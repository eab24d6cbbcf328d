/** table: y = T[x] for a 16-bit x: (x, y) is a row of the activation's table. The lookup also pins x to 16 bits. */
import type { Tensor } from '../../program/program.ts'
import { InternalError } from '../../errors.ts'
import { type ProgramBuilder, ramp, type Wire, wireOf } from '../../graph/graph.ts'
import { activationTable, type TableKind } from '../../tables/tables.ts'

export interface TableSpec {
  readonly name: string
  readonly kind: TableKind
  /** A single committed tensor of 16 bits. */
  readonly x: Wire
  readonly scale: number
}

export interface TableNode extends TableSpec {
  readonly op: 'table'
  readonly values: Int32Array
  readonly y: Tensor
  readonly out: Wire
}

export const TABLE_BITS = 16
const HALF = 2 ** (TABLE_BITS - 1)

export const table = (b: ProgramBuilder, spec: TableSpec): TableNode => {
  const input = spec.x.terms[0]
  if (spec.x.terms.length !== 1 || !input || input.coef !== 1n) {
    throw new InternalError(`${spec.name}: a table reads one committed tensor`)
  }
  const values = activationTable(spec.kind, TABLE_BITS, spec.x.scale, spec.scale)
  const id = b.table(`${spec.kind} ${spec.x.scale} ${spec.scale}`, () => ({
    bits: TABLE_BITS,
    width: 2,
    columns: [ramp(-HALF, 2 * HALF), values],
  }))
  const y = b.tensor(spec.name, spec.x.shape)
  b.lookup({
    name: spec.name,
    table: id,
    shape: spec.x.shape,
    columns: [input.tensor, y].map(tensor => ({ offset: 0n, entries: [{ coef: 1n, tensor }] })),
  })
  const bound = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1)
  return { ...spec, op: 'table', values, y, out: wireOf(y, spec.scale, bound) }
}
