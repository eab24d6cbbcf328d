import type { Context } from './context.ts'
import { classify } from './failure.ts'
import { printable, toJson } from './output.ts'
import { createProgram } from './program.ts'

/**
 * Runs one command line.
 * @param args without the interpreter and the script
 * @returns the exit code: 0 done, 1 proof rejected, 2 bad input or no resources, 3 a bug, 130 stopped by Ctrl-C
 */
export async function run(args: readonly string[], context: Context): Promise<number> {
  try {
    await createProgram(context).parseAsync([...args], { from: 'user' })
    return context.exitCode
  } catch (error) {
    const { exitCode, kind, message, said } = classify(error, context.signal.aborted)
    if (!said) context.stderr.write(`proofmark: ${printable(message)}\n`)
    // A program that reads --json gets its one object also when nothing came of it.
    if (exitCode !== 0 && args.includes('--json'))
      context.stdout.write(`${toJson({ error: { kind, message } })}\n`)
    return exitCode
  }
}
