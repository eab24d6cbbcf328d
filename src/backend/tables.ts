/** Entries of tables as elements of K, for the portable kernels. */
import { type K, toF } from '../field/goldilocks.ts'
import type { KVec, Table } from './backend.ts'

export const lengthOf = (t: Table): number => ('c0' in t ? t.c0.length : t.length)

/** Entry i of a table. */
export const elementOf = (t: Table, i: number): K =>
  'c0' in t ? [t.c0[i]!, t.c1[i]!] : [toF(BigInt(t[i]!)), 0n]

export function kvecOf(length: number, entry: (i: number) => K): KVec {
  const out = { c0: new BigUint64Array(length), c1: new BigUint64Array(length) }
  for (let i = 0; i < length; i++) [out.c0[i], out.c1[i]] = entry(i) as [bigint, bigint]
  return out
}
