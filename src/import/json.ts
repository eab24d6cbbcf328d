import { readFileSync } from 'node:fs'
import { InputError } from '../errors.ts'

/** A parsed JSON object, its values not yet looked at. */
export type JsonObject = { [key: string]: unknown }

/** True for `{...}`; false for arrays, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Parses text that must be one JSON object without repeated keys (JSON.parse silently keeps the last of them, so that
 * two readers of one file could see two models).
 * @param argument how errors name the text, for example the file's path
 * @throws InputError if the text is not JSON, not an object, or repeats a key at any depth
 */
export function parseObject(text: string, argument: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new InputError(argument, 'JSON', error instanceof Error ? error.message : String(error))
  }
  if (!isObject(value))
    throw new InputError(argument, 'a JSON object', Array.isArray(value) ? 'an array' : typeof value)
  const repeated = repeatedKey(text)
  if (repeated !== undefined) throw new InputError(argument, 'each key once', `"${repeated}" twice`)
  return value
}

/**
 * Reads a file that must hold one JSON object.
 * @param maxBytes larger files are refused before they are parsed
 * @throws InputError on a malformed file; the file system's own error if it cannot be read
 */
export function readObject(path: string, maxBytes = 1 << 28): JsonObject {
  const bytes = readFileSync(path)
  if (bytes.length > maxBytes) throw new InputError(path, `at most ${maxBytes} bytes`, `${bytes.length}`)
  return parseObject(bytes.toString('utf8'), path)
}

/** The first key that occurs twice in one object of valid JSON text, or undefined. */
function repeatedKey(text: string): string | undefined {
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{') open.push(new Set())
    else if (c === '[') open.push(null)
    else if (c === '}' || c === ']') open.pop()
    else if (c === '"') {
      const start = i
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
      const keys = open.at(-1)
      if (!keys || !isKey(text, i + 1)) continue
      const key = JSON.parse(text.slice(start, i + 1)) as string
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

/** Whether a string that ends just before `i` is a key: a colon follows. */
function isKey(text: string, i: number): boolean {
  let at = i
  while (' \t\r\n'.includes(text[at] ?? '.')) at++
  return text[at] === ':'
}
