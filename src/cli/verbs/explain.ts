import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { printable } from '../output.ts'
import { action, addVerb } from '../verb.ts'

/** `explain FILE`: what a proof states and what it is made of. It checks nothing. */
export function explain(program: Command, context: Context): void {
  addVerb(
    program,
    'explain <file>',
    'show what a proof states, without checking it',
    'proofmark explain answer.proof',
  ).action(
    action<[string], object>(context, 1, async (run, [file]) => {
      const explainProof = need(context.api, 'explain')
      const explanation = await explainProof({ proof: readInput(file) }, run.job)
      run.print(explanation, explanation.lines.map(printable).join('\n'))
    }),
  )
}
