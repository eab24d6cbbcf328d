import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { afterAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../import/config.ts'
import { llamaShapes } from '../../models/float/llama.ts'
import { seeded } from '../random.ts'
import { encodeBpe, tokenizerFiles, trainBpe } from './bpe.ts'
import { consecutiveBatches, sampleBatch, speechStarts, splitText } from './data.ts'
import { demoConfig } from './model.ts'
import { lossCurve } from './plot.ts'
import { configJson } from './publish.ts'
import { rateAt, train, trainDefaults } from './trainer.ts'

const dir = mkdtempSync(join(tmpdir(), 'proofmark-train-'))
afterAll(() => rmSync(dir, { recursive: true }))

const text = "LION:\nI am the lion, the lion am I.\n\nMOUSE:\nThen I'll not be the lion's.\n\n".repeat(8)

describe('byte-pair encoding', () => {
  const bpe = trainBpe(text, 280, '<|endoftext|>')
  it('merges the most frequent pair first', () => {
    expect(trainBpe('abab abab cd', 259, '<s>').merges).toEqual([
      ['a', 'b'],
      ['ab', 'ab'],
    ])
    expect(bpe.tokens.length).toBe(280)
    expect(bpe.tokens[280 - 1]).toBe(bpe.merges.at(-1)!.join(''))
  })
  it('reads in Hugging Face form, encodes alike, and decodes to the text', () => {
    const { tokenizer, config } = tokenizerFiles(bpe, 256)
    const theirs = new Tokenizer(tokenizer as never, config as never)
    for (const sample of [text, "  don't  stop , now 12\n\n\n x ", 'héllo 世界 🦁']) {
      const { ids } = theirs.encode(sample)
      expect(ids).toEqual([...encodeBpe(bpe, sample)])
      expect(theirs.decode(ids)).toBe(sample)
    }
    expect(theirs.encode('<|endoftext|>').ids).toEqual([0])
  })
  it('refuses a text too uniform for its vocabulary', () => {
    expect(() => trainBpe('aaaa', 300, '<s>')).toThrow(/enough variety/)
  })
})

describe('data', () => {
  it('holds out the end, cut at a blank line', () => {
    const [train, validation] = splitText('a\n\nb\n\nc\n\nd', 0.3)
    expect([train, validation]).toEqual(['a\n\nb\n\nc\n\n', 'd'])
  })
  it('finds the starts of speeches', () => {
    expect(speechStarts(Int32Array.of(5, 1, 1, 7, 1, 8), 1)).toEqual([0, 3])
  })
  it('samples windows whose targets are the tokens one later', () => {
    const ids = Int32Array.from({ length: 50 }, (_, i) => 100 + i)
    const { tokens, targets } = sampleBatch(ids, [0, 20], 0, 16, 4, seeded(1))
    const rows = Array.from({ length: 16 }, (_, r) => [...tokens.subarray(4 * r, 4 * r + 4)])
    for (const [r, row] of rows.entries()) {
      expect([...targets.subarray(4 * r, 4 * r + 3)]).toEqual(row.slice(1))
      if (row[0] === 0) expect([100, 120]).toContain(row[1])
    }
    const starting = rows.filter(row => row[0] === 0).length
    expect(starting).toBeGreaterThan(2)
    expect(starting).toBeLessThan(14)
  })
  it('cuts validation windows one after the other', () => {
    const batches = consecutiveBatches(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 2, 2)
    expect(batches.map(b => [...b.tokens])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
    expect([...batches[1]!.targets]).toEqual([5, 6, 7, 8])
  })
})

describe('training', () => {
  const options = { ...trainDefaults, rows: 1, length: 16, steps: 4, warmup: 1, every: 2 }
  const ids = Int32Array.from({ length: 200 }, (_, i) => 1 + ((i * i) % 90))
  const corpus = { train: ids, validation: ids.slice(0, 60), newline: 199 }
  const shapes = llamaShapes(demoConfig)

  it('resumes where it was stopped, to the same weights', async () => {
    const whole = await train(corpus, shapes, join(dir, 'whole'), options, async () => {})
    const stop = new Error('stopped')
    const broken = train(corpus, shapes, join(dir, 'broken'), options, () => Promise.reject(stop))
    await expect(broken).rejects.toBe(stop)
    const resumed = await train(corpus, shapes, join(dir, 'broken'), options, async () => {})
    expect(resumed.history.map(p => p.step)).toEqual([2, 4])
    // One comparison of bytes each: an assertion per weight would take half a minute.
    const differing = [...whole.tensors].filter(([name, { data }]) => {
      return (
        Buffer.compare(Buffer.from(resumed.tensors.get(name)!.data.buffer), Buffer.from(data.buffer)) !== 0
      )
    })
    expect(differing.map(([name]) => name)).toEqual([])
    expect([...resumed.best.keys()]).toEqual([...shapes.keys()].sort())
  })
  it('warms up in a line and cools down to a tenth', () => {
    const o = { ...trainDefaults, steps: 1000, warmup: 100, peakRate: 1 }
    expect([50, 100, 550, 1000].map(s => rateAt(s, o))).toEqual([
      0.5,
      1,
      expect.closeTo(0.55),
      expect.closeTo(0.1),
    ])
  })
})

describe('the published files', () => {
  it('config.json reads back as the configuration', () => {
    expect(parseConfig(configJson(demoConfig))).toEqual(demoConfig)
  })
  it('the curve holds both lines', () => {
    const at = (step: number, loss: number) => ({ step, trainLoss: loss, valLoss: loss + 0.2, seconds: step })
    const svg = lossCurve([at(100, 4), at(200, 3)])
    expect(svg.match(/<polyline/g)?.length).toBe(2)
    expect(svg).not.toContain('NaN')
  })
})
