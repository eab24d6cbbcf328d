/** Every way to damage one field of a proof. Tests only. */
import type { Field } from './stream.ts'

export interface Damage {
  readonly name: string
  apply(proof: Uint8Array, field: Field, next: Field | undefined): Uint8Array
}

const splice = (proof: Uint8Array, from: number, to: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from([...proof.subarray(0, from), ...parts.flatMap(p => [...p]), ...proof.subarray(to)])

const fieldBytes = (proof: Uint8Array, { offset, length }: Field): Uint8Array => proof.slice(offset, offset + length)

export const DAMAGES: readonly Damage[] = [
  {
    name: 'a flipped bit',
    apply: (proof, field) => {
      const bytes = fieldBytes(proof, field)
      bytes[0] = (bytes[0] ?? 0) ^ 1
      return splice(proof, field.offset, field.offset + field.length, bytes)
    },
  },
  {
    // As a field element, p more than it was where that fits 64 bits; else a value beyond p.
    name: 'non-canonical words',
    apply: (proof, field) => {
      const bytes = fieldBytes(proof, field)
      bytes.fill(0xff, 0, Math.min(8, bytes.length))
      return splice(proof, field.offset, field.offset + field.length, bytes)
    },
  },
  { name: 'zeros', apply: (proof, field) => splice(proof, field.offset, field.offset + field.length, new Uint8Array(field.length)) },
  { name: 'dropped', apply: (proof, field) => splice(proof, field.offset, field.offset + field.length) },
  { name: 'duplicated', apply: (proof, field) => splice(proof, field.offset, field.offset, fieldBytes(proof, field)) },
  {
    name: 'swapped with the next field',
    apply: (proof, field, next) => {
      if (!next) return splice(proof, field.offset, field.offset + field.length)
      return splice(proof, field.offset, next.offset + next.length, fieldBytes(proof, next), fieldBytes(proof, field))
    },
  },
  { name: 'cut off', apply: (proof, field) => proof.slice(0, field.offset) },
  { name: 'cut off inside', apply: (proof, field) => proof.slice(0, field.offset + (field.length >> 1)) },
]

/** The first, middle and last field of each tag. */
export const sampleFields = (fields: readonly Field[], perTag: number): { field: Field; next: Field | undefined }[] => {
  const byTag = new Map<string, number[]>()
  fields.forEach(({ tag }, i) => byTag.set(tag, [...(byTag.get(tag) ?? []), i]))
  return [...byTag.values()].flatMap(all => {
    const picks = new Set(Array.from({ length: perTag }, (_, k) => all[Math.floor((k * (all.length - 1)) / Math.max(1, perTag - 1))]))
    return [...picks].flatMap(i => {
      const field = fields[i ?? 0]
      return field ? [{ field, next: fields[(i ?? 0) + 1] }] : []
    })
  })
}
