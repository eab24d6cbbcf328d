import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { InputError } from '../../errors.ts'
import { need, type TrainRequest } from '../api.ts'
import type { Context } from '../context.ts'
import { printable } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options extends Omit<TrainRequest, 'config' | 'window'> {
  demo?: boolean
  proveEvery?: number
}

/** `train CONFIG --data PATH --steps N -o DIR`: trains, and proves every window of steps; goes on where it was stopped. */
export function train(program: Command, context: Context): void {
  const verb = addVerb(
    program,
    'train [config]',
    'train a network, and prove the training; the same command goes on with a run that was stopped',
    'proofmark train models/train/mnist-mlp.json --data mnist --hold-out 2000 --steps 1000 -o run',
  )
  verb
    .option(
      '--data <path>',
      "the data set: MNIST's idx files, NPY images, safetensors, or a folder of classes of images",
    )
    .option('--labels <file>', 'labels of a file of images (default: beside it, by its name)')
    .option('--test-data <path>', 'examples to test the result with')
    .option('--test-labels <file>', 'their labels')
    .option('--hold-out <n>', 'keep the last n examples of the data out, to test with', integer(1, 2 ** 26))
    .option('--steps <n>', 'steps of the whole run', integer(1, 2 ** 24))
    .option('--batch <n>', "examples of a step (default: the configuration's)", integer(1, 2 ** 16))
    .option('--prove-every <n>', "steps of one proof (default: the configuration's)", integer(1, 1024))
    .option('--seed <hex>', 'public sampling seed of 32 bytes (default: drawn)', seed)
    .option('-o, --output <dir>', 'the run directory: new, empty, or of the same run')
    .option('--no-proof', 'train and test only, and keep nothing')
    .option('--demo', 'train on drawn digits, prove and verify: no other arguments needed')
    .action(
      action<[string | undefined], Options>(context, 1, async (run, [config], options) => {
        const { demo, proveEvery: window, ...rest } = options
        if (demo) {
          const { data, labels, testData, testLabels, holdOut } = rest
          for (const [name, value] of Object.entries({ config, data, labels, testData, testLabels, holdOut }))
            if (value !== undefined)
              throw new InputError(name, 'nothing: the demonstration brings its own', `${value}`)
        } else {
          const required = (flag: string, value: unknown): void => {
            if (value === undefined) verb.error(`error: ${flag} is missing`, { exitCode: 2 })
          }
          required("argument 'config' (or --demo)", config)
          required("option '--data <path>'", options.data)
          required("option '--steps <n>'", options.steps)
          if (options.proof) required("option '-o, --output <dir>'", options.output)
          if (options.testData !== undefined && options.holdOut !== undefined)
            throw new InputError('--hold-out', 'none beside --test-data', `${options.holdOut}`)
        }
        const result = await need(context.api, 'train')({ ...request(rest), config, window }, run.job)
        context.exitCode = result.ok ? 0 : 1
        const { lines, ...report } = result
        run.print(report, lines.map(printable).join('\n'))
      }),
    )
}

/** Without the options that every verb has. */
function request(options: Omit<Options, 'demo' | 'proveEvery'>): TrainRequest {
  const { data, labels, testData, testLabels, holdOut, steps, batch, seed, output, proof } = options
  return { data, labels, testData, testLabels, holdOut, steps, batch, seed, output, proof }
}

function seed(text: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError('Expected 32 bytes in hex.')
  return text.toLowerCase()
}
