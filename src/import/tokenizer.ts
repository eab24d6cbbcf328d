import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { InputError } from '../errors.ts'
import { type JsonObject, readObject } from './json.ts'

/** Text to token ids and back, as the model's own tokenizer does it. */
export interface TextTokenizer {
  /** Tokens known, added ones included: every id is below the largest id + 1, which may exceed this. */
  readonly size: number
  /**
   * @param addSpecial whether to add what the tokenizer puts around every text, such as LLaMA's begin token; default true
   * @throws InputError if the text is not well-formed Unicode
   */
  encode(text: string, options?: { addSpecial?: boolean }): number[]
  /**
   * The text of tokens, spaces exactly as the tokens have them.
   * @param skipSpecial whether to leave special tokens out; default true
   * @throws InputError on an id that the tokenizer does not know
   */
  decode(ids: readonly number[], options?: { skipSpecial?: boolean }): string
}

/**
 * Loads `tokenizer.json`, and `tokenizer_config.json` if it is there, from a model directory.
 * @throws InputError if the first is missing, or either is malformed or of a kind that the library does not know
 */
export function loadTokenizer(dir: string): TextTokenizer {
  const path = join(dir, 'tokenizer.json')
  if (!existsSync(path)) throw new InputError(dir, 'a directory with tokenizer.json', 'none')
  const config = join(dir, 'tokenizer_config.json')
  return createTokenizer(readObject(path), existsSync(config) ? readObject(config) : {}, path)
}

/** @param where how errors name the tokenizer */
export function createTokenizer(
  json: JsonObject,
  config: JsonObject,
  where = 'tokenizer.json',
): TextTokenizer {
  const tokenizer = build(json, config, where)
  return {
    size: tokenizer.get_vocab(true).size,
    encode(text, { addSpecial = true } = {}) {
      // It would silently become U+FFFD.
      if (/\p{Cs}/u.test(text)) throw new InputError('text', 'well-formed Unicode', 'a lone surrogate')
      return text === '' && !addSpecial ? [] : tokenizer.encode(text, { add_special_tokens: addSpecial }).ids
    },
    decode(ids, { skipSpecial = true } = {}) {
      for (const id of ids)
        if (tokenizer.id_to_token(id) === undefined)
          throw new InputError('ids', 'tokens of the tokenizer', `${id}`)
      if (ids.length === 0) return ''
      const options = { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false }
      return tokenizer.decode([...ids], options)
    },
  }
}

function build(json: JsonObject, config: JsonObject, where: string): Tokenizer {
  try {
    const tokenizer = new Tokenizer(json, config)
    tokenizer.encode('a')
    return tokenizer
  } catch (error) {
    throw new InputError(
      where,
      'a tokenizer of a known kind',
      error instanceof Error ? error.message : String(error),
    )
  }
}
