import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkModel, prepareDirectory, readText } from '../files.ts'
import { action, addVerb, describe, integer } from '../verb.ts'

interface Options {
  text: string
  output: string
  bits?: number
}

/** `calibrate MODEL --text FILE -o DIR`: turns a float model into the integer model that proofs are about. */
export function calibrate(program: Command, context: Context): void {
  addVerb(
    program,
    'calibrate <model>',
    'quantise a model, with ranges measured on a text',
    'proofmark calibrate models/gpt2 --text sample.txt -o models/gpt2-int',
  )
    .requiredOption('--text <file>', 'UTF-8 text like the one the model will see')
    .requiredOption('-o, --output <dir>', 'directory to create')
    .option('--bits <n>', 'bits of an activation', integer(8, 16))
    .action(
      action<[string], Options>(context, 1, async (run, [model], { text, output, bits }) => {
        checkModel(model)
        const calibrateModel = need(context.api, 'calibrate')
        const sample = readText(text)
        prepareDirectory(output)
        const report = await calibrateModel({ model, text: sample, output, bits }, run.job)
        run.print(report, describe(report))
      }),
    )
}
