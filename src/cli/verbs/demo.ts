import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { printable } from '../output.ts'
import { action, addVerb } from '../verb.ts'

/** `demo`: commits to a small model that comes with the package, proves an answer, and verifies it. */
export function demo(program: Command, context: Context): void {
  addVerb(program, 'demo', 'commit, prove and verify with a small built-in model', 'proofmark demo').action(
    action<[], object>(context, 0, async run => {
      const result = await need(context.api, 'demo')(run.job)
      context.exitCode = result.ok ? 0 : 1
      run.print(result, result.lines.map(printable).join('\n'))
    }),
  )
}
