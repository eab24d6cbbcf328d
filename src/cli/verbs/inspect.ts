import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkModel } from '../files.ts'
import { action, addVerb, describe } from '../verb.ts'

/** `inspect MODEL`: what a model directory holds, and whether it can be proven. */
export function inspect(program: Command, context: Context): void {
  addVerb(
    program,
    'inspect <model>',
    'show what a model directory holds',
    'proofmark inspect models/gpt2',
  ).action(
    action<[string], object>(context, 1, async (run, [model]) => {
      checkModel(model)
      const report = await need(context.api, 'inspect')({ model }, run.job)
      run.print(report, describe(report))
    }),
  )
}
