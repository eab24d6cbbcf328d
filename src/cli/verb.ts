import { type Command, InvalidArgumentError } from 'commander'
import type { Report } from './api.ts'
import type { CommonOptions, Context, VerbRun } from './context.ts'
import { printable, type Row, table, toJson } from './output.ts'
import { createProgress } from './progress.ts'

/**
 * Adds a verb to the program.
 * @param usage name and arguments, such as `verify <file>`
 * @param example a command line that works as it stands, shown by --help
 */
export function addVerb(program: Command, usage: string, summary: string, example: string): Command {
  return program
    .command(usage)
    .description(summary)
    .option('--json', 'print one JSON object on stdout')
    .option('-q, --quiet', 'show no progress')
    .addHelpText('after', `\nExample:\n  $ ${example}`)
}

/**
 * Wraps a verb's body as a commander action: it gets a job that reports progress and stops at Ctrl-C, and prints one
 * result.
 */
export function action<A extends unknown[], O extends object>(
  context: Context,
  arity: number,
  body: (run: VerbRun, args: A, options: O) => Promise<void>,
): (...values: unknown[]) => Promise<void> {
  return async (...values) => {
    const args = values.slice(0, arity) as A
    const options = values[arity] as O & CommonOptions
    const view = createProgress(context.stderr, options.quiet === true)
    try {
      await body(
        {
          context,
          job: { signal: context.signal, onProgress: view.onProgress },
          print(object, text) {
            view.clear()
            context.signal.throwIfAborted()
            context.stdout.write(`${options.json ? toJson(object) : text}\n`)
          },
          note(text) {
            view.clear()
            if (!options.quiet) context.stderr.write(`${text}\n`)
          },
        },
        args,
        options,
      )
    } finally {
      view.clear()
    }
  }
}

/** A parser of integer options. */
export function integer(low: number, high: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < low || value > high)
      throw new InvalidArgumentError(`Expected an integer from ${low} to ${high}.`)
    return value
  }
}

/** The scalar entries of a report as a table; long lists by their length, byte arrays as hex. */
export function describe(report: Report): string {
  const rows: Row[] = []
  for (const [label, value] of Object.entries(report)) {
    if (typeof value === 'string') rows.push([label, printable(value)])
    else if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
      rows.push([label, String(value)])
    else if (value instanceof Uint8Array)
      rows.push([label, value.length <= 32 ? Buffer.from(value).toString('hex') : `${value.length} bytes`])
    else if (Array.isArray(value))
      rows.push([label, value.length <= 32 ? printable(value.join(' ')) : `${value.length} entries`])
  }
  return table(rows)
}

/** The most tokens one run may generate; models end far below. */
export const MAX_NEW_TOKENS = 2 ** 20
