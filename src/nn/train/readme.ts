/** The model directory's README: how it was made, how well it does, what it writes. */
import type { ModelConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { FloatModel } from '../../models/float/index.ts'
import { generate } from '../../models/float/generate.ts'
import { seeded } from '../random.ts'
import type { Progress } from './checkpoint.ts'
import { adam } from './model.ts'
import { bestOf, type TrainOptions } from './trainer.ts'

const PROMPTS = [
  'ROMEO:\n',
  'KING RICHARD III:\nNow is the winter',
  'First Citizen:\nBefore we proceed any further,',
  'What is the city but the people?\n',
]
const TOKENS = 96
const TEMPERATURE = 0.8
const TOP_P = 0.95

export interface Codec {
  encode(text: string): readonly number[]
  decode(tokens: readonly number[]): string
}

export interface Sample {
  readonly prompt: string
  readonly greedy: string
  readonly drawn: string
}

export async function samples(
  config: ModelConfig,
  weights: ReadonlyMap<string, FloatTensor>,
  codec: Codec,
): Promise<Sample[]> {
  const model = new FloatModel(config, weights)
  const out: Sample[] = []
  for (const [i, prompt] of PROMPTS.entries()) {
    const tokens = codec.encode(prompt)
    const greedy = codec.decode(await generate(model, tokens, TOKENS))
    const options = { temperature: TEMPERATURE, topP: TOP_P, random: seeded(7, i) }
    out.push({ prompt, greedy, drawn: codec.decode(await generate(model, tokens, TOKENS, options)) })
  }
  await model.release()
  return out
}

const quote = (prompt: string, text: string) => `\`\`\`text\n${prompt}|${text.trimEnd()}\n\`\`\``

export interface Facts {
  readonly config: ModelConfig
  readonly options: TrainOptions
  readonly history: readonly Progress[]
  readonly parameters: number
  readonly textName: string
  readonly textBytes: number
  /** SHA-256 in hexadecimal. */
  readonly textHash: string
  readonly trainTokens: number
  readonly valTokens: number
  /** Validation text bytes per validation token. */
  readonly bytesPerToken: number
  /** Validation loss of the weights as published, rounded to bfloat16. */
  readonly publishedLoss: number
  readonly samples: readonly Sample[]
}

export function readme(f: Facts): string {
  const { config: c, options: o } = f
  const best = bestOf(f.history)
  const epochs = (f.history.at(-1)!.step * o.rows * o.length) / f.trainTokens
  const bits = f.publishedLoss / Math.LN2 / f.bytesPerToken
  return `# The embedded default model

A LLaMA-architecture language model of ${(f.parameters / 1e6).toFixed(2)} million parameters that writes in the manner of Shakespeare's plays.
It is here so that everything can be tried at once, without a download.

| | |
|---|---|
| layers, hidden, feed-forward | ${c.layers}, ${c.hiddenSize}, ${c.ffSize} |
| query heads, key/value heads, head width | ${c.heads}, ${c.kvHeads}, ${c.headDim} |
| vocabulary, context | ${c.vocabSize} (byte-level BPE), ${c.maxPositions} |
| head | tied to the embedding |
| weights | bfloat16 |

## How it was made

\`\`\`
npm run build
npm run train:demo -- --text ${f.textName} -o models/demo --steps ${o.steps} --seed ${o.seed}
\`\`\`

- Text: \`${f.textName}\` (plays by Shakespeare, public domain; ${f.textBytes} bytes, SHA-256 \`${f.textHash}\`).
  The last 5 % (${f.valTokens} tokens) are held out; ${f.trainTokens} tokens are trained on. The tokenizer is made from the training part alone.
- AdamW (beta ${adam.beta1}, ${adam.beta2}; weight decay ${adam.weightDecay}; gradient norm at most ${adam.clipNorm}), dropout ${o.dropout} on the residual stream, batches of ${o.rows} x ${o.length} tokens, learning rate ${o.peakRate} after
  ${o.warmup} steps of warmup, falling by a cosine to a tenth over ${o.steps} steps; ${epochs.toFixed(1)} passes over the text.
- The weights of the lowest validation loss are kept; training stops early after ${o.patience} validations without a new one.
- Gradients and optimiser are emitted as one ONNX graph and run by ONNX Runtime on ${o.threads} CPU thread(s): ${(f.history.at(-1)!.seconds / 60).toFixed(0)} minutes.

## Losses (nats per token)

| | |
|---|---|
| training with dropout, mean of the ${o.every} steps before the kept weights | ${best.trainLoss.toFixed(4)} |
| validation, float32 weights, step ${best.step} | ${best.valLoss.toFixed(4)} |
| validation, as published (bfloat16) | ${f.publishedLoss.toFixed(4)} |
| the same as perplexity; as bits per byte of text | ${Math.exp(f.publishedLoss).toFixed(2)}; ${bits.toFixed(3)} |

![losses](loss-curve.svg)

The figures behind it are in \`training.log\`. \`<|endoftext|>\` (id 0) may start a prompt but need not.

## What it writes

The prompt ends at the bar. Greedy decoding first, then a draw at temperature ${TEMPERATURE}, top-p ${TOP_P}.

${f.samples.map(s => `${quote(s.prompt, s.greedy)}\n\n${quote(s.prompt, s.drawn)}`).join('\n\n---\n\n')}
`
}
