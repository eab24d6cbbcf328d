/** Language models in float: the reference that the proven integer models are measured against. */
import { InputError } from '../../errors.ts'
import type { Family, ModelConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'
import { input, type Node } from '../../nn/graph.ts'
import type { Shape } from '../../nn/op.ts'
import { openSession, type Session, type SessionOptions } from '../../nn/session.ts'
import { gpt2 } from './gpt2.ts'
import { llama } from './llama.ts'
import { opt } from './opt.ts'
import { shapesOf, Weights } from './weights.ts'

type Build = (config: ModelConfig, weights: Weights, tokens: Node) => Node
const builders: Readonly<Record<Family, Build>> = { llama, gpt2, opt }
/** A weight by which a checkpoint of the family is recognised. */
const anchors: Readonly<Record<Family, string>> = {
  llama: 'embed_tokens.weight',
  gpt2: 'wte.weight',
  opt: 'embed_tokens.weight',
}

/** A model's graph: its logits and the inputs that are weights, by full name. */
export interface ModelGraph {
  /** `[b, t, vocab]` */
  readonly logits: Node
  readonly weights: ReadonlyMap<string, Node>
}

/**
 * @param shapes the checkpoint's tensors by their Hugging Face names
 * @param tokens i32 `[b, t]`, t at most `config.maxPositions`
 */
export function modelGraph(
  config: ModelConfig,
  shapes: ReadonlyMap<string, Shape>,
  tokens: Node,
): ModelGraph {
  const weights = new Weights(shapes, anchors[config.family])
  const logits = builders[config.family](config, weights, tokens)
  return { logits, weights: weights.used }
}

/** A model ready to run. Sequences are padded at their end to a multiple of `PAD`, which causality makes harmless. */
export class FloatModel {
  readonly config: ModelConfig
  private readonly shapes: ReadonlyMap<string, Shape>
  private readonly feeds: Readonly<Record<string, Float32Array>>
  private readonly options: SessionOptions
  private readonly sessions = new Map<number, Promise<Session<'logits'>>>()

  constructor(config: ModelConfig, weights: ReadonlyMap<string, FloatTensor>, options: SessionOptions = {}) {
    this.config = config
    this.shapes = shapesOf(weights)
    this.feeds = Object.fromEntries([...weights].map(([name, t]) => [name, t.data]))
    this.options = options
  }

  /** @returns `[tokens.length, vocab]`: row i scores what follows token i */
  async logits(tokens: ArrayLike<number>): Promise<Float32Array> {
    const { maxPositions, vocabSize } = this.config
    if (!(tokens.length >= 1 && tokens.length <= maxPositions)) {
      throw new InputError('tokens', `1..${maxPositions} tokens`, `${tokens.length}`)
    }
    const bad = Array.from(tokens).find(t => !(Number.isInteger(t) && t >= 0 && t < vocabSize))
    if (bad !== undefined) throw new InputError('tokens', `ids in 0..${vocabSize - 1}`, `${bad}`)
    const padded = new Int32Array(Math.min(maxPositions, Math.ceil(tokens.length / PAD) * PAD))
    padded.set(Array.from(tokens))
    const session = await this.session(padded.length)
    const { logits } = await session.run({ ...this.feeds, tokens: padded })
    return logits.slice(0, tokens.length * vocabSize)
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release()
    this.sessions.clear()
  }

  private session(length: number): Promise<Session<'logits'>> {
    const known = this.sessions.get(length)
    if (known) return known
    const { logits } = modelGraph(this.config, this.shapes, input('tokens', [1, length], 'i32'))
    const opened = openSession({ logits }, this.options)
    this.sessions.set(length, opened)
    return opened
  }
}

const PAD = 32

/** Logits `[tokens.length, vocab]` of one sequence, by ONNX Runtime. */
export async function floatLogits(
  config: ModelConfig,
  weights: ReadonlyMap<string, FloatTensor>,
  tokens: ArrayLike<number>,
): Promise<Float32Array> {
  const model = new FloatModel(config, weights)
  try {
    return await model.logits(tokens)
  } finally {
    await model.release()
  }
}
