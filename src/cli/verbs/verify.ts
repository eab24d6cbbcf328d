import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { printable } from '../output.ts'
import { action, addVerb, describe } from '../verb.ts'

interface Options {
  commitment: string
}

/** `verify FILE --commitment FILE`: exit 0 for a proof that holds, 1 for one that does not. */
export function verify(program: Command, context: Context): void {
  addVerb(
    program,
    'verify <file>',
    'check a proof against a commitment',
    'proofmark verify answer.proof --commitment gpt2.commitment',
  )
    .requiredOption('--commitment <file>', 'the public commitment')
    .action(
      action<[string], Options>(context, 1, async (run, [file], options) => {
        const verifyProof = need(context.api, 'verify')
        const commitment = readInput(options.commitment)
        const proof = readInput(file)
        const verdict = await verifyProof({ proof, commitment }, run.job)
        context.exitCode = verdict.ok ? 0 : 1
        if (verdict.ok) {
          const { ok: _, ...statement } = verdict
          run.print(verdict, `ACCEPTED\n${describe(statement)}`.trim())
        } else run.print(verdict, `REJECTED at ${printable(verdict.at)}: ${printable(verdict.reason)}`)
      }),
    )
}
