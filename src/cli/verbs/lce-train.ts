import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { InputError } from '../../errors.ts'
import {
  BRANCHES,
  CORRECTORS,
  FREQUENCIES,
  type LceConfig,
  parseConfig,
  SIZES,
  WINDOW,
} from '../../models/lce/config.ts'
import {
  type Blur,
  BLURS,
  LEARNINGS,
  type Learning,
  LOSSES,
  type Loss,
  OPTIMIZERS,
  type Optimizer,
  trainDefaults,
} from '../../models/lce/train/options.ts'
import type { Context, VerbRun } from '../context.ts'
import { duration, quantity } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options {
  data: string
  validation: string
  scale: string
  size: string
  output: string
  steps: number
  minutes?: number
  rows: number
  patch: number
  blur: Blur
  optimizer: Optimizer
  learning: Learning
  loss: Loss
  rate: number
  every: number
  seed: number
  threads: number
  corrector: string
  branches: string
  frequency: string
  attention: boolean
  init?: string
  resume?: boolean
}

/** `lce train`: trains a network; stopped by Ctrl-C or killed, it goes on with --resume. */
export function lceTrain(program: Command, context: Context): void {
  addVerb(
    program,
    'train',
    'train a network on a folder of photographs',
    'proofmark lce train --data photos --validation kodak --scale 4 --size tiny -o lce-x4',
  )
    .requiredOption('--data <dir>', 'photographs to learn from')
    .requiredOption('--validation <dir>', 'other photographs, by which the best weights are chosen')
    .requiredOption('--scale <n>', '2, 3 or 4')
    .requiredOption('-o, --output <dir>', 'where weights, log, curves and the checkpoint go')
    .addOption(new Option('--size <name>', 'size of the network').choices(SIZES).default('tiny'))
    .option(
      '--steps <n>',
      'training steps; the rate falls in their second half',
      integer(1, 1e8),
      trainDefaults.steps,
    )
    .option('--minutes <n>', 'stop after that time, with a checkpoint', integer(1, 1e6))
    .option('--rows <n>', 'patches per step', integer(1, 1024), trainDefaults.rows)
    .option(
      '--patch <n>',
      'side of a patch in low-resolution pixels, a multiple of 8',
      integer(WINDOW, 1024),
      trainDefaults.patch,
    )
    .addOption(new Option('--blur <kind>', 'Gaussian blurs to undo').choices(BLURS).default('isotropic'))
    .addOption(
      new Option('--optimizer <name>', 'Muon for matrices with Adam for the rest, or Adam for all')
        .choices(OPTIMIZERS)
        .default('muon'),
    )
    .option('--rate <x>', 'highest learning rate', positive, trainDefaults.peakRate)
    .option('--every <n>', 'steps between validations', integer(1, 1e6), trainDefaults.every)
    .option('--seed <n>', 'seed of first weights and batches', integer(0, 2 ** 31 - 1), trainDefaults.seed)
    .option('--threads <n>', 'CPU threads', integer(1, 256), availableParallelism())
    .addOption(
      new Option('--corrector <kind>', 'where the corrected image comes from')
        .choices(CORRECTORS)
        .default('learned'),
    )
    .addOption(
      new Option('--branches <which>', 'what the super-resolution network sees')
        .choices(BRANCHES)
        .default('both'),
    )
    .addOption(
      new Option('--frequency <part>', 'frequency part of a block').choices(FREQUENCIES).default('attention'),
    )
    .addOption(
      new Option(
        '--learning <how>',
        'all jointly, the Corrector detached from the loss of the result, or the Corrector alone',
      )
        .choices(LEARNINGS)
        .default('joint'),
    )
    .addOption(
      new Option('--loss <name>', 'error of the result: mean absolute, or root mean square')
        .choices(LOSSES)
        .default('l1'),
    )
    .option('--no-attention', 'blocks without window attention')
    .option('--init <file>', 'weights to begin from, such as those of another scale')
    .option('--resume', 'go on from the checkpoint in the output directory')
    .action(
      action<[], Options>(context, 0, async (run, _, options) => {
        const config = parseConfig({ ...options })
        run.print(await train(config, options, run), `wrote ${options.output}/model.safetensors`)
      }),
    )
}

async function train(config: LceConfig, options: Options, run: VerbRun): Promise<object> {
  const [
    { sourceSide },
    { listImages, readCorpus },
    { hasState },
    { train: loop },
    { openValidation },
    { readTensors },
  ] = await Promise.all([
    import('../../models/lce/train/batch.ts'),
    import('../../models/lce/train/corpus.ts'),
    import('../../models/lce/train/checkpoint.ts'),
    import('../../models/lce/train/trainer.ts'),
    import('../../models/lce/train/validate.ts'),
    import('../../models/lce/weights.ts'),
  ])
  const { output, steps, threads, patch } = options
  if (patch % WINDOW !== 0) throw new InputError('--patch', `a multiple of ${WINDOW}`, `${patch}`)
  if (options.resume && !hasState(output))
    throw new InputError(output, 'a directory with a checkpoint', 'none')
  if (!options.resume && existsSync(output) && readdirSync(output).length > 0)
    throw new InputError(output, 'a new or empty directory, or --resume', 'one with files in it')
  listImages(options.data)
  const start = options.init === undefined ? undefined : readTensors(options.init).tensors
  const validation = await openValidation(options.validation, config, threads)
  const corpus = await readCorpus(
    options.data,
    sourceSide(config.scale, patch, options.blur),
    (done, total) => {
      run.context.signal.throwIfAborted()
      run.job.onProgress({ stage: 'reading photographs', done, total })
    },
  )
  run.note(`${corpus.photos.length} photographs, ${quantity(corpus.cells.length)} places`)
  const limit = new AbortController()
  const signal = AbortSignal.any([run.context.signal, limit.signal])
  const timer = setTimeout(() => limit.abort(), (options.minutes ?? 0) * 60_000)
  if (options.minutes === undefined) clearTimeout(timer)
  const settings = {
    ...trainDefaults,
    rows: options.rows,
    patch,
    blur: options.blur,
    optimizer: options.optimizer,
    learning: options.learning,
    loss: options.loss,
    steps,
    peakRate: options.rate,
    every: options.every,
    seed: options.seed,
    threads,
  }
  const state = await loop(
    config,
    corpus,
    validation,
    output,
    settings,
    {
      signal,
      onStep: (step, first) =>
        run.job.onProgress({ stage: 'training', done: step - first + 1, total: steps - first + 1 }),
      onState: ({ log }) => {
        const { step, srLoss, clrLoss, psnr, clrPsnr, seconds } = log.at(-1)!
        const best = Math.max(...log.map(l => l.psnr)) === psnr ? ' *' : ''
        run.note(
          `step ${step}/${steps}  loss ${(srLoss ?? clrLoss)!.toFixed(5)}  PSNR ${psnr.toFixed(3)}${best}  corrected ${clrPsnr.toFixed(2)}  ${duration(seconds)}`,
        )
      },
    },
    start,
  )
  clearTimeout(timer)
  await validation.release()
  const best = state.log.reduce((a, b) => (b.psnr > a.psnr ? b : a))
  return { ...config, output, steps: state.log.at(-1)!.step, best }
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a positive number.')
  return value
}
