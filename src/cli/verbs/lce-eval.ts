import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Scale } from '../../image/degrade.ts'
import type { Method, Result } from '../../image/evaluate.ts'
import type { Ablation } from '../../image/lce-methods.ts'
import { type Size, SIZES } from '../../models/lce/config.ts'
import type { Context } from '../context.ts'
import { type Row, table } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options {
  set: string
  scale: number
  weights?: string
  size?: Size
  ablation: Ablation[]
  threads: number
  ensemble?: boolean
}

const ABLATIONS = [
  'no-clr',
  'clr-only',
  'no-frequency',
  'linear-frequency',
  'no-attention',
] satisfies Ablation[]

/** What the rows of the table stand for. */
const LABELS: Readonly<Record<string, string>> = {
  bicubic: 'bicubic',
  filter: 'closed-form filter + network',
  baseline: 'network without Corrector',
  lce: 'LCE',
  oracle: 'LCE with the true CLR',
}

/** `lce eval`: PSNR and SSIM on Gaussian8 of every method there are weights for. */
export function lceEval(program: Command, context: Context): void {
  addVerb(
    program,
    'eval',
    'measure the networks on a set of images, blurred by Gaussian8',
    'proofmark lce eval --set set5 --scale 4',
  )
    .requiredOption('--set <dir>', 'folder of high-resolution images')
    .addOption(new Option('--scale <n>', '2, 3 or 4').argParser(integer(2, 4)).makeOptionMandatory())
    .option(
      '--weights <dir>',
      'folder of networks, NAME.safetensors or NAME/model.safetensors (default: those of the package)',
    )
    .addOption(
      new Option('--size <name>', 'size of the networks (default: the smallest there is)').choices(SIZES),
    )
    .addOption(
      new Option(
        '--ablation <name>',
        `also a network that lacks a part (${ABLATIONS.join(', ')}); may be repeated`,
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--threads <n>', 'CPU threads', integer(1, 256), availableParallelism())
    .option('--ensemble', 'networks take the mean over the eight turned forms of an image')
    .action(
      action<[], Options>(context, 0, async (run, _, options) => {
        const [{ expandInputs }, { readImage }, { evaluate }, { lceMethods }, { EMBEDDED }] =
          await Promise.all([
            import('../../image/batch.ts'),
            import('../../image/codec.ts'),
            import('../../image/evaluate.ts'),
            import('../../image/lce-methods.ts'),
            import('../../image/network.ts'),
          ])
        const images = expandInputs([options.set]).map(path => () => readImage(path))
        const { size, threads, ensemble, ablation: ablations } = options
        const scale = options.scale as Scale
        const { entries, release } = lceMethods(options.weights ?? EMBEDDED, scale, {
          size,
          threads,
          ablations,
          ensemble,
        })
        const methods: Record<string, Method> = {}
        const missing: Record<string, string> = {}
        const notes: Record<string, string> = {}
        for (const [name, entry] of Object.entries(entries)) {
          if ('missing' in entry) missing[name] = entry.missing
          else {
            methods[name] = entry.method
            if (entry.note) notes[name] = entry.note
          }
        }
        let results: Record<string, Result>
        try {
          results = await evaluate(images, scale, methods, (done, total) => {
            context.signal.throwIfAborted()
            run.job.onProgress({ stage: 'restoring', done, total })
          })
        } finally {
          await release()
        }
        const rows = Object.keys(entries)
        run.print(
          {
            set: options.set,
            scale,
            images: images.length,
            ensemble: ensemble ?? false,
            ...Object.fromEntries(rows.map(name => [name, results[name] ?? null])),
            missing,
            notes,
          },
          table(rows.map(name => describe(name, results[name], missing[name], notes[name]))),
        )
      }),
    )
}

const collect = (name: string, before: Ablation[]): Ablation[] => {
  const found = ABLATIONS.find(known => known === name)
  if (!found) throw new InvalidArgumentError(`Expected one of ${ABLATIONS.join(', ')}.`)
  return [...before, found]
}

function describe(name: string, result: Result | undefined, missing = '', note?: string): Row {
  const label = LABELS[name] ?? name
  if (!result) return [label, `not measured: ${missing}`]
  const { psnr, ssim, correctedPsnr } = result
  const corrected =
    correctedPsnr === undefined
      ? ''
      : `   CLR ${Number.isFinite(correctedPsnr) ? `${correctedPsnr.toFixed(2)} dB` : 'exact'}`
  return [label, `${psnr.toFixed(2)} dB  SSIM ${ssim.toFixed(4)}${corrected}${note ? `   (${note})` : ''}`]
}
