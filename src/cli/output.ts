/** Text for people and JSON for programs. */

/** Label and value. */
export type Row = readonly [label: string, value: string | number]

/** Rows with the values in one column. */
export function table(rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n')
}

/** One JSON text: byte arrays as hex, bigints as decimal strings, typed arrays as lists, maps as objects. */
export function toJson(value: object): string {
  return JSON.stringify(value, (_, entry: unknown) => {
    if (typeof entry === 'bigint') return entry.toString()
    // Buffer has a toJSON of its own, which runs before this.
    if (isBufferJson(entry)) return Buffer.from(entry.data).toString('hex')
    if (entry instanceof Uint8Array) return Buffer.from(entry).toString('hex')
    if (ArrayBuffer.isView(entry) && !(entry instanceof DataView))
      return Array.from(entry as unknown as ArrayLike<number>)
    if (entry instanceof Map) return Object.fromEntries(entry)
    return entry
  })
}

function isBufferJson(entry: unknown): entry is { data: number[] } {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'type' in entry &&
    entry.type === 'Buffer' &&
    'data' in entry
  )
}

/**
 * Text that a model or a file supplied, safe to show: control characters other than newline and tab, with which it could
 * rewrite the terminal, come out escaped.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, char => {
    if (char === '\n' || char === '\t' || char === '\u200d') return char
    return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`
  })
}

/** 1536 -> "1.5 kB" in powers of 1000. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(2 + Number(value >= 10))} ${units[unit]}`
}

/** Seconds as "850 ms", "12.3 s", "4 min 10 s", "2 h 5 min". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** 124439808 -> "124.4 M". */
export function quantity(count: number): string {
  if (count < 10_000) return `${count}`
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} k`
  if (count < 1e9) return `${(count / 1e6).toFixed(1)} M`
  return `${(count / 1e9).toFixed(2)} G`
}
