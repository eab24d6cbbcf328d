import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { printable } from '../output.ts'
import { action, addVerb } from '../verb.ts'

/** `explain FILE`: what a proof states and what it is made of; it checks nothing without the commitment. */
export function explain(program: Command, context: Context): void {
  addVerb(
    program,
    'explain <file>',
    'show what a proof states and what it is made of',
    'proofmark explain answer.proof --commitment gpt2.commitment',
  )
    .option('--commitment <file>', 'verify, and list the parts in bytes and the security of each step')
    .action(
      action<[string], { commitment?: string }>(context, 1, async (run, [file], options) => {
        const explainProof = need(context.api, 'explain')
        const commitment = options.commitment === undefined ? undefined : readInput(options.commitment)
        const explanation = await explainProof({ proof: readInput(file), commitment }, run.job)
        run.print(explanation, explanation.lines.map(printable).join('\n'))
      }),
    )
}
