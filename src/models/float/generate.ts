/** Continuations of a prompt by a float model. */
import { argmax } from '../../nn/metrics.ts'
import type { Random } from '../../nn/random.ts'
import type { FloatModel } from './index.ts'

export interface SamplingOptions {
  /** Logits are divided by it; 0 takes the most likely token. */
  readonly temperature: number
  /** Only the most likely tokens that together reach this probability are drawn. */
  readonly topP: number
  readonly random: Random
}

/** @returns the `count` tokens after `prompt`, fewer if an end token comes; the context is the last window */
export async function generate(
  model: FloatModel,
  prompt: readonly number[],
  count: number,
  options?: SamplingOptions,
): Promise<number[]> {
  const { maxPositions, vocabSize, eosToken } = model.config
  const tokens = [...prompt]
  while (tokens.length < prompt.length + count) {
    const window = tokens.slice(-maxPositions)
    const logits = (await model.logits(window)).subarray((window.length - 1) * vocabSize)
    const token = options && options.temperature > 0 ? draw(logits, options) : argmax(logits)
    if (eosToken.includes(token)) break
    tokens.push(token)
  }
  return tokens.slice(prompt.length)
}

function draw(logits: Float32Array, { temperature, topP, random }: SamplingOptions): number {
  const top = logits[argmax(logits)]!
  const weights = Array.from(logits, (l, id) => ({ id, w: Math.exp((l - top) / temperature) })).sort(
    (a, b) => b.w - a.w,
  )
  const limit = topP * weights.reduce((s, { w }) => s + w, 0)
  let kept = 0
  const nucleus = weights.filter(({ w }) => {
    const take = kept < limit
    kept += w
    return take
  })
  let left = random() * nucleus.reduce((s, { w }) => s + w, 0)
  for (const { id, w } of nucleus) {
    left -= w
    if (left <= 0) return id
  }
  return nucleus[0]!.id
}
