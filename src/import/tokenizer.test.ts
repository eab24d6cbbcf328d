import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { temporaryDirectory } from './fixtures/files.ts'
import { createTokenizer, loadTokenizer } from './tokenizer.ts'

/** A byte-level BPE with a begin token, as small as it gets. */
const json = {
  version: '1.0',
  model: {
    type: 'BPE',
    vocab: { '<s>': 0, h: 1, i: 2, hi: 3, Ġ: 4, Ġhi: 5, '.': 6, Ã: 7, '©': 8 },
    merges: ['h i', 'Ġ hi'],
  },
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
  },
  decoder: { type: 'ByteLevel' },
  added_tokens: [
    {
      id: 0,
      content: '<s>',
      special: true,
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip: false,
    },
  ],
}

describe('tokenizer', () => {
  const tokenizer = createTokenizer(json, {})

  it('encodes with and without special tokens', () => {
    expect(tokenizer.encode('hi hi')).toEqual([0, 3, 5])
    expect(tokenizer.encode('hi hi', { addSpecial: false })).toEqual([3, 5])
    expect(tokenizer.encode('', { addSpecial: false })).toEqual([])
    expect(tokenizer.encode('é', { addSpecial: false })).toEqual([7, 8])
    expect(tokenizer.size).toBe(9)
  })

  it('decodes what the tokens say, spaces before points included', () => {
    expect(tokenizer.decode([0, 3, 5])).toBe('hi hi')
    expect(tokenizer.decode([0, 3, 5], { skipSpecial: false })).toBe('<s>hi hi')
    expect(tokenizer.decode([3, 4, 6])).toBe('hi .')
    expect(tokenizer.decode([])).toBe('')
  })

  it('refuses unknown ids and broken text', () => {
    for (const id of [9, -1, 1.5]) expect(() => tokenizer.decode([id])).toThrow(InputError)
    expect(() => tokenizer.encode('\ud800')).toThrow(InputError)
  })
})

describe('loadTokenizer', () => {
  const root = temporaryDirectory()
  function directory(name: string, files: { [file: string]: string }): string {
    const dir = join(root, name)
    mkdirSync(dir)
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text)
    return dir
  }

  it('reads tokenizer.json alone and with its configuration', () => {
    const alone = directory('alone', { 'tokenizer.json': JSON.stringify(json) })
    expect(loadTokenizer(alone).encode('hi')).toEqual([0, 3])
    const both = directory('both', { 'tokenizer.json': JSON.stringify(json), 'tokenizer_config.json': '{}' })
    expect(loadTokenizer(both).encode('hi')).toEqual([0, 3])
  })

  it.each([
    ['missing', {}, /directory with tokenizer.json/],
    ['not JSON', { 'tokenizer.json': '{' }, /tokenizer.json: expected JSON/],
    ['an array', { 'tokenizer.json': '[]' }, /a JSON object/],
    ['empty object', { 'tokenizer.json': '{}' }, /a tokenizer of a known kind/],
    ['unknown model', { 'tokenizer.json': JSON.stringify({ ...json, model: { type: 'X' } }) }, /known kind/],
    [
      'bad config',
      { 'tokenizer.json': JSON.stringify(json), 'tokenizer_config.json': '3' },
      /tokenizer_config/,
    ],
  ])('%s', (name, files, message) => {
    const dir = directory(name, files)
    expect(() => loadTokenizer(dir)).toThrow(InputError)
    expect(() => loadTokenizer(dir)).toThrow(message)
  })
})
