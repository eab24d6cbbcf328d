import type { Command } from 'commander'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkOutput, writeAtomic } from '../files.ts'
import { size, table } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options {
  data: string
  labels?: string
  first: number
  count: number
  output: string
  privateInput?: boolean
}

/** `classify RUN --data PATH -o FILE`: what a trained network answers, proven under the commitment that its run ends in. */
export function classify(program: Command, context: Context): void {
  addVerb(
    program,
    'classify <run>',
    'classify images with a trained network, and prove it',
    'proofmark classify run --data mnist --first 8000 --count 10 -o classes.proof',
  )
    .requiredOption('--data <path>', 'images, in the forms that train takes')
    .option('--labels <file>', 'labels of a file of images (default: beside it, by its name)')
    .option('--first <i>', 'the first image', integer(0, 2 ** 26), 0)
    .option('--count <n>', 'images', integer(1, 1024), 1)
    .requiredOption('-o, --output <file>', 'the proof')
    .option('--private-input', 'keep the images out of the statement')
    .action(
      action<[string], Options>(context, 1, async (run, [path], options) => {
        const { data, labels, first, count, output } = options
        const classifyImages = need(context.api, 'classify')
        checkOutput(output)
        const privateInput = options.privateInput === true
        const request = { run: path, data, labels, first, count, privateInput }
        const { bytes, ...report } = await classifyImages(request, run.job)
        context.signal.throwIfAborted()
        writeAtomic(output, bytes)
        const rows = [
          ['classes', report.classes.join(' ')],
          ['proof', `${output} (${size(bytes.length)})`],
          ['verify with', `--commitment ${report.commitment}`],
        ] as const
        run.print({ ...report, proof: output, bytes: bytes.length }, table(rows))
      }),
    )
}
