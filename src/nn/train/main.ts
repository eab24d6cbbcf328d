/** Trains the embedded default model: `npm run train:demo -- --text FILE -o DIR`. Run again to resume. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { rounded } from '../../import/safetensors-write.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { llamaShapes } from '../../models/float/llama.ts'
import { sizeOf } from '../shape.ts'
import { encodeBpe, trainBpe } from './bpe.ts'
import { dropCheckpoint, type TrainState, writeAtomic } from './checkpoint.ts'
import { consecutiveBatches, splitText } from './data.ts'
import { demoConfig, SPECIAL, trainingSessions } from './model.ts'
import { publishTokenizer, publishWeights } from './publish.ts'
import { type Codec, readme, samples } from './readme.ts'
import { bestOf, meanLoss, train, trainDefaults, type TrainOptions } from './trainer.ts'

const HELD_OUT = 0.05

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0')
  return Number(text)
}

interface Flags {
  text: string
  out: string
  steps: number
  seed: number
  threads: number
}

const program = new Command('train-demo')
  .description('train the embedded default model; a run that was stopped goes on from its last checkpoint')
  .requiredOption('--text <file>', 'the text to train on')
  .requiredOption('-o, --out <dir>', 'where the model and the checkpoint go')
  .option('--steps <n>', 'training steps', whole, trainDefaults.steps)
  .option('--seed <n>', 'seed of weights and batches', whole, trainDefaults.seed)
  .option('--threads <n>', 'CPU threads', whole, trainDefaults.threads)

const say = (line: string) => process.stderr.write(`${line}\n`)
const clock = (seconds: number) =>
  `${Math.floor(seconds / 60)}:${String(Math.round(seconds) % 60).padStart(2, '0')}`

function show({ history }: TrainState, steps: number): void {
  const { step, trainLoss, valLoss, seconds } = history.at(-1)!
  const left = clock((seconds / step) * (steps - step))
  const mark = bestOf(history).step === step ? ' *' : ''
  say(
    `step ${step}/${steps}  train ${trainLoss.toFixed(4)}  val ${valLoss.toFixed(4)}${mark}  ${clock(seconds)} gone, ${left} left`,
  )
}

/** The tokenizer as published, read by the library that users read it with. */
async function publishedCodec(out: string): Promise<Codec> {
  const { Tokenizer } = await import('@huggingface/tokenizers')
  const read = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'))
  const tokenizer = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'))
  return { encode: text => tokenizer.encode(text).ids, decode: tokens => tokenizer.decode([...tokens]) }
}

/** Loss of the weights as a reader of the published file sees them. */
async function publishedLoss(
  best: TrainState['best'],
  validation: Int32Array,
  o: TrainOptions,
): Promise<[number, Map<string, FloatTensor>]> {
  const weights = new Map(
    [...best].map(([name, t]) => [name, { shape: t.shape, data: rounded(t.data, 'BF16') }]),
  )
  const sessions = await trainingSessions(llamaShapes(demoConfig), o.rows, o.length, o.threads)
  const feeds = Object.fromEntries([...weights].map(([name, t]) => [name, t.data]))
  return [await meanLoss(sessions.loss, feeds, consecutiveBatches(validation, o.rows, o.length)), weights]
}

async function main(): Promise<void> {
  const flags = program.parse().opts<Flags>()
  const options = { ...trainDefaults, steps: flags.steps, seed: flags.seed, threads: flags.threads }
  const text = readFileSync(flags.text, 'utf8')
  const [trainText, valText] = splitText(text, HELD_OUT)
  say('making the tokenizer')
  const bpe = trainBpe(trainText, demoConfig.vocabSize, SPECIAL)
  publishTokenizer(flags.out, demoConfig, bpe)
  const corpus = {
    train: encodeBpe(bpe, trainText),
    validation: encodeBpe(bpe, valText),
    newline: encodeBpe(bpe, '\n')[0]!,
  }
  const shapes = llamaShapes(demoConfig)
  const parameters = [...shapes.values()].reduce((n, shape) => n + sizeOf(shape), 0)
  say(
    `${parameters} parameters, ${corpus.train.length} tokens to train on, ${corpus.validation.length} held out`,
  )
  const state = await train(corpus, shapes, flags.out, options, async now => {
    show(now, options.steps)
    publishWeights(flags.out, now)
  })
  const [loss, weights] = await publishedLoss(state.best, corpus.validation, options)
  const report = readme({
    config: demoConfig,
    options,
    history: state.history,
    parameters,
    textName: basename(flags.text),
    textBytes: Buffer.byteLength(text),
    textHash: createHash('sha256').update(text).digest('hex'),
    trainTokens: corpus.train.length,
    valTokens: corpus.validation.length,
    bytesPerToken: Buffer.byteLength(valText) / corpus.validation.length,
    publishedLoss: loss,
    samples: await samples(demoConfig, weights, await publishedCodec(flags.out)),
  })
  writeAtomic(join(flags.out, 'README.md'), report)
  dropCheckpoint(flags.out)
  say(`done: ${join(flags.out, 'README.md')}`)
}

await main()
