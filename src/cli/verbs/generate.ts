import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkModel } from '../files.ts'
import { printable } from '../output.ts'
import { action, addVerb, integer, MAX_NEW_TOKENS } from '../verb.ts'

interface Options {
  prompt: string
  maxNewTokens: number
}

/** `generate MODEL --prompt TEXT --max-new-tokens N`: runs the integer model, without a proof. */
export function generate(program: Command, context: Context): void {
  addVerb(
    program,
    'generate <model>',
    'run a model without proving it',
    'proofmark generate models/gpt2-int --prompt "The sea" --max-new-tokens 8',
  )
    .requiredOption('--prompt <text>', 'the input')
    .requiredOption('--max-new-tokens <n>', 'tokens to add', integer(1, MAX_NEW_TOKENS))
    .action(
      action<[string], Options>(context, 1, async (run, [model], { prompt, maxNewTokens }) => {
        checkModel(model)
        const result = await need(context.api, 'generate')({ model, prompt, maxNewTokens }, run.job)
        run.print(result, printable(result.text))
      }),
    )
}
