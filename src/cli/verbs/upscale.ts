import { existsSync, mkdirSync } from 'node:fs'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { InputError } from '../../errors.ts'
import type { Work } from '../../image/batch.ts'
import type { Format, Picture } from '../../image/codec.ts'
import type { Image } from '../../image/image.ts'
import type { Upscaler } from '../../image/upscale.ts'
import type { Context, VerbRun } from '../context.ts'
import { checkOutput, writeAtomic } from '../files.ts'
import { duration, printable, type Row, table } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options {
  output: string
  scale: number
  weights?: string
  format?: Format
  quality: number
  tile?: number
  reference?: string
  compare?: string
  ensemble?: boolean
  force?: boolean
}

/** PSNR in dB and SSIM against a reference, on luma. */
interface Measured {
  psnr: number
  ssim: number
  bicubic: { psnr: number; ssim: number }
}

interface Done extends Partial<Measured> {
  input: string
  output: string
  width: number
  height: number
  seconds: number
}

interface Failed {
  input: string
  error: string
}

/** `upscale INPUT... -o OUT --scale S`: enlarges image files. */
export function upscale(program: Command, context: Context): void {
  addVerb(
    program,
    'upscale <input...>',
    'enlarge images',
    'proofmark upscale photo.jpg -o large.png --scale 4',
  )
    .requiredOption('-o, --output <path>', 'file for one image, folder for more')
    .addOption(
      new Option('--scale <n>', 'how many times larger').argParser(integer(2, 4)).makeOptionMandatory(),
    )
    .option(
      '--weights <file>',
      'weights of a network of your own instead of those that come with the package',
    )
    .addOption(new Option('--format <name>', 'of the results').choices(['png', 'jpeg', 'webp', 'tiff']))
    .option('--quality <n>', 'of JPEG and WebP', integer(1, 100), 95)
    .option('--tile <n>', 'longest side of a tile in pixels, a multiple of 8', integer(48, 1024))
    .option('--reference <path>', 'true large image, or a folder of them, to measure PSNR and SSIM against')
    .option('--compare <file>', 'write an HTML page with a slider between before and after')
    .option(
      '--ensemble',
      'mean over the eight turned forms of the image: a little closer, eight times slower',
    )
    .option('--force', 'overwrite existing files')
    .action(
      action<[string[]], Options>(context, 1, async (run, [names], options) => {
        const job = await prepare(names, options)
        const { results, failures } = await upscaleAll(job, options, run)
        if (job.work.length === 1 && failures.length === 1) throw failures[0]!.cause
        const images: (Done | Failed)[] = [
          ...results,
          ...failures.map(({ input, error }) => ({ input, error })),
        ]
        const { config } = job
        run.print(
          { scale: options.scale, network: config, images, compare: options.compare },
          table(results.map(describeResult)),
        )
        for (const { error } of failures) context.stderr.write(`proofmark: ${printable(error)}\n`)
        if (failures.length > 0) context.exitCode = 2
      }),
    )
}

/** Everything that can be refused before the long work. */
async function prepare(names: readonly string[], options: Options) {
  const [{ expandInputs, planOutputs, referenceOf }, { lceUpscaler, networkFor }] = await Promise.all([
    import('../../image/batch.ts'),
    import('../../image/network.ts'),
  ])
  const inputs = expandInputs(names)
  const { folder, work } = planOutputs(inputs, options.output, options.format)
  const weights = networkFor(options.scale, options.weights)
  const upscaler = lceUpscaler(weights)
  if (options.tile !== undefined && options.tile % upscaler.multiple !== 0)
    throw new InputError('--tile', `a multiple of ${upscaler.multiple}`, `${options.tile}`)
  const references = new Map(
    options.reference === undefined
      ? []
      : work.map(({ input }) => [input, referenceOf(input, options.reference!)] as const),
  )
  const protect = [...inputs, ...references.values()]
  if (folder) mkdirSync(options.output, { recursive: true })
  for (const path of [
    ...work.map(w => w.output),
    ...(options.compare === undefined ? [] : [options.compare]),
  ]) {
    checkOutput(path, protect)
    if (existsSync(path) && !options.force)
      throw new InputError(path, 'a new name, or --force', 'an existing file')
  }
  return { work, upscaler, config: weights.config, references }
}

type Prepared = Awaited<ReturnType<typeof prepare>>

/** Works through all images; one that is bad does not keep the others waiting. */
async function upscaleAll({ work, upscaler, references }: Prepared, options: Options, run: VerbRun) {
  const { comparisonPage } = await import('../../image/compare.ts')
  const results: Done[] = []
  const failures: (Failed & { cause: InputError })[] = []
  const figures: string[] = []
  for (const [i, item] of work.entries()) {
    const stage =
      work.length === 1 ? basename(item.input) : `${basename(item.input)} (${i + 1} of ${work.length})`
    try {
      const { done, figure } = await upscaleOne(
        item,
        upscaler,
        references.get(item.input),
        stage,
        options,
        run,
      )
      results.push(done)
      if (figure) figures.push(figure)
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      failures.push({ input: item.input, error: error.message, cause: error })
    }
  }
  if (options.compare !== undefined && figures.length > 0)
    writeAtomic(options.compare, comparisonPage(figures))
  return { results, failures }
}

async function upscaleOne(
  { input, output, format }: Work,
  upscaler: Upscaler,
  reference: string | undefined,
  stage: string,
  options: Options,
  run: VerbRun,
): Promise<{ done: Done; figure?: string }> {
  const [{ checkSides, encodePicture, MAX_PIXELS, readPicture }, { upscalePicture }] = await Promise.all([
    import('../../image/codec.ts'),
    import('../../image/upscale.ts'),
  ])
  const start = performance.now()
  const { scale } = upscaler
  const picture = await readPicture(input, Math.floor(MAX_PIXELS / scale ** 2))
  const { width, height } = picture.colour
  checkSides(format, width * scale, height * scale)
  for (const loss of losses(picture, format)) run.note(`${printable(output)}: ${loss}`)
  const truth =
    reference === undefined ? undefined : await readReference(reference, width * scale, height * scale)
  const { signal, onProgress } = run.job
  const { tile, ensemble } = options
  const large = await upscalePicture(upscaler, picture, { tile, ensemble, stage, signal, onProgress })
  writeAtomic(output, await encodePicture({ ...large, format }, options.quality))
  run.context.signal.throwIfAborted()
  const seconds = (performance.now() - start) / 1000
  const measured = truth && (await measure(picture.colour, large.colour, truth, scale))
  const done: Done = { input, output, width: width * scale, height: height * scale, seconds, ...measured }
  return { done, figure: options.compare === undefined ? undefined : await figureOf(picture, large, done) }
}

/** What a format does not keep of a picture. */
function* losses(picture: Picture, format: Format): Generator<string> {
  if (picture.alpha && format === 'jpeg') yield 'JPEG has no transparency; white shows through'
  if (picture.depth === 16 && (format === 'jpeg' || format === 'webp'))
    yield `${format} has 8 bits, the input has 16`
  if (picture.exif && format === 'tiff') yield 'TIFF is written without EXIF'
}

async function readReference(path: string, width: number, height: number): Promise<Image> {
  const { readPicture } = await import('../../image/codec.ts')
  const { colour } = await readPicture(path)
  if (colour.width !== width || colour.height !== height)
    throw new InputError(
      `reference ${path}`,
      `${width} x ${height} pixels`,
      `${colour.width} x ${colour.height}`,
    )
  return colour
}

async function measure(before: Image, after: Image, truth: Image, scale: number): Promise<Measured> {
  const [{ quality }, { resizeBicubic }] = await Promise.all([
    import('../../image/metrics.ts'),
    import('../../image/resize.ts'),
  ])
  return {
    ...quality(after, truth, scale),
    bicubic: quality(resizeBicubic(before, truth.height, truth.width), truth, scale),
  }
}

/** A comparison with bicubic enlargement. */
async function figureOf(before: Picture, after: Picture, done: Done): Promise<string> {
  const [{ comparisonFigure }, { resizeBicubic }] = await Promise.all([
    import('../../image/compare.ts'),
    import('../../image/resize.ts'),
  ])
  const { width, height } = after.colour
  const enlarged = { ...before, colour: resizeBicubic(before.colour, height, width), alpha: after.alpha }
  const caption = `${before.colour.width} x ${before.colour.height} to ${describeResult(done)[1]}; before: bicubic`
  return comparisonFigure({ name: basename(done.input), caption, before: enlarged, after })
}

function describeResult({ output, width, height, seconds, psnr, ssim, bicubic }: Done): Row {
  const size = `${width} x ${height}, ${duration(seconds)}`
  if (psnr === undefined || ssim === undefined || !bicubic) return [printable(output), size]
  const both = (q: { psnr: number; ssim: number }): string =>
    `${q.psnr.toFixed(2)} dB, SSIM ${q.ssim.toFixed(4)}`
  return [printable(output), `${size}, ${both({ psnr, ssim })} (bicubic ${both(bicubic)})`]
}
