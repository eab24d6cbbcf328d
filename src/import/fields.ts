import { InputError } from '../errors.ts'
import { isObject, type JsonObject } from './json.ts'

/** Larger sizes than this in a configuration are nonsense, and their products would leave the safe integers. */
const MAX_SIZE = 2 ** 24

/**
 * Reads the fields of one JSON object and remembers which were read, so that `finish` can refuse the rest: a field
 * nobody understood might change what the model computes. A field that is null counts as absent.
 */
export class Fields {
  private readonly object: JsonObject
  private readonly where: string
  private readonly seen = new Set<string>()

  /** @param where prefix of field names in errors, for example `config.json` */
  constructor(object: JsonObject, where: string) {
    this.object = object
    this.where = where
  }

  /** The raw value; undefined if absent or null. */
  raw(name: string): unknown {
    this.seen.add(name)
    return Object.hasOwn(this.object, name) ? (this.object[name] ?? undefined) : undefined
  }

  /** An integer in [1, most]. Without `fallback` the field must be there. */
  size(name: string, fallback?: number, most = MAX_SIZE): number {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most)
      throw this.error(name, `an integer from 1 to ${most}`, value)
    return value
  }

  /** A finite number above zero. */
  positive(name: string, fallback?: number): number {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw this.error(name, 'a finite number above zero', value)
    return value
  }

  /** true or false. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'boolean') throw this.error(name, 'true or false', value)
    return value
  }

  /** One of the keys of `choices`, mapped to its value. */
  choice<T>(name: string, choices: { readonly [key: string]: T }, fallback?: string): T {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'string' || !Object.hasOwn(choices, value))
      throw this.error(name, `one of ${Object.keys(choices).join(', ')}`, value)
    return choices[value] as T
  }

  /** Token ids: absent gives [], one id gives [id], a list gives the list. */
  tokens(name: string): number[] {
    const value = this.raw(name) ?? []
    const list: unknown[] = Array.isArray(value) ? value : [value]
    for (const id of list)
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_SIZE)
        throw this.error(name, 'token ids', value)
    return list as number[]
  }

  /** A nested object, or undefined if absent. */
  nested(name: string): Fields | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (!isObject(value)) throw this.error(name, 'an object', value)
    return new Fields(value, `${this.where}: ${name}`)
  }

  /** Fields that change the computation and are supported at one value only: absent, null or `supported`. */
  only(supported: { readonly [name: string]: unknown }): void {
    for (const [name, wanted] of Object.entries(supported)) {
      const value = this.raw(name)
      if (value !== undefined && JSON.stringify(value) !== JSON.stringify(wanted))
        throw this.error(name, `${JSON.stringify(wanted)} (nothing else is supported)`, value)
    }
  }

  /** Fields that do not change what the network computes. */
  ignore(names: readonly string[]): void {
    for (const name of names) this.seen.add(name)
  }

  /** @throws InputError naming the first field that nothing has read or ignored, whatever its value */
  finish(): void {
    for (const name of Object.keys(this.object))
      if (!this.seen.has(name))
        throw this.error(name, 'only fields that Proofmark understands', this.object[name])
  }

  error(name: string, expected: string, got: unknown): InputError {
    const text = got === undefined ? 'nothing' : JSON.stringify(got)
    return new InputError(
      `${this.where}: ${name}`,
      expected,
      text.length > 80 ? `${text.slice(0, 77)}...` : text,
    )
  }
}
