import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../import/config.ts'
import { openWeights } from '../../import/safetensors.ts'
import { meanSurprise } from '../../nn/metrics.ts'
import { generate } from './generate.ts'
import { FloatModel } from './index.ts'

const file = (name: string) => fileURLToPath(new URL(`../../../models/demo/${name}`, import.meta.url))
const json = (name: string) => JSON.parse(readFileSync(file(name), 'utf8'))

/** From The Tempest, which lies in the part of the text that was held out. */
const VERSE = `PROSPERO:
By Providence divine.
Some food we had and some fresh water that
A noble Neapolitan, Gonzalo,
Out of his charity, being then appointed
Master of this design, did give us`

describe('the embedded default model', () => {
  const config = readConfig(file('config.json'))
  const store = openWeights(file(''))
  const model = new FloatModel(config, new Map(store.names().map(name => [name, store.read(name)])))
  const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'))

  it('has read verse: a nat less surprise than its unigrams would give', async () => {
    const tokens = tokenizer.encode(VERSE).ids
    expect(meanSurprise(await model.logits(tokens), tokens)).toBeLessThan(4.6)
  })
  it('does not loop on one word when it decodes greedily', async () => {
    const out = await generate(model, tokenizer.encode('ROMEO:\n').ids, 48)
    expect(new Set(out).size).toBeGreaterThan(12)
    const counts = out.map(t => out.filter(u => u === t).length)
    expect(Math.max(...counts)).toBeLessThan(24)
  })
})
