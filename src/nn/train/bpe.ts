/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2): words are cut by a pattern, their
 * UTF-8 bytes written as printable letters, and the most frequent neighbouring pair merged again and again.
 */
import { InputError } from '../../errors.ts'

/** GPT-2's words: contractions, letters, digits or other marks with at most one space in front, white space. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

export interface Bpe {
  /** Tokens by id: the special one, 256 byte letters, then one per merge. */
  readonly tokens: readonly string[]
  /** In order of priority. */
  readonly merges: readonly (readonly [string, string])[]
}

/** A printable letter for each byte: itself where it prints, else the letters from U+0100 on. */
export const byteLetters: readonly string[] = (() => {
  const prints = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 255 && b !== 173)
  let spare = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(prints(b) ? b : spare++))
})()

const splitWords = (text: string): string[] => text.match(WORDS) ?? []
const spell = (word: string): string[] => [...new TextEncoder().encode(word)].map(b => byteLetters[b]!)

/**
 * @param vocabSize tokens in all, more than 257
 * @param special the token with id 0, which no text encodes to
 */
export function trainBpe(text: string, vocabSize: number, special: string): Bpe {
  if (!(vocabSize > 257)) throw new InputError('vocabSize', 'more than 257', `${vocabSize}`)
  const counts = new Map<string, number>()
  for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1)
  const words = [...counts].map(([word, count]) => ({ parts: spell(word), count }))
  // By code point, so that the ids do not depend on the order of the text.
  const tokens = [special, ...[...byteLetters].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)]
  const merges: [string, string][] = []
  const pairs = new PairCounts()
  for (const word of words) pairs.add(word.parts, word.count)
  while (tokens.length < vocabSize) {
    const pair = pairs.mostFrequent()
    if (!pair) throw new InputError('text', `enough variety for ${vocabSize} tokens`, `only ${tokens.length}`)
    merges.push(pair)
    tokens.push(pair[0] + pair[1])
    for (const word of words) {
      const parts = merge(word.parts, pair)
      if (parts.length === word.parts.length) continue
      pairs.add(word.parts, -word.count)
      pairs.add(parts, word.count)
      word.parts = parts
    }
  }
  return { tokens, merges }
}

/** How often each pair of neighbours occurs. */
class PairCounts {
  private readonly counts = new Map<string, number>()

  /** @param count how often the word occurs; negative to take it back */
  add(parts: readonly string[], count: number): void {
    for (let i = 1; i < parts.length; i++) {
      const key = `${parts[i - 1]} ${parts[i]}`
      this.counts.set(key, (this.counts.get(key) ?? 0) + count)
    }
  }

  /** The pair seen most often, at least twice; of equals the one that sorts first. */
  mostFrequent(): [string, string] | undefined {
    let best: string | undefined
    let most = 1
    for (const [key, count] of this.counts) {
      if (count > most || (count === most && best !== undefined && key < best)) [best, most] = [key, count]
    }
    // No letter is a space, so the key splits in two.
    return best?.split(' ') as [string, string] | undefined
  }
}

function merge(parts: string[], [left, right]: readonly [string, string]): string[] {
  if (!parts.includes(left)) return parts
  const out: string[] = []
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === left && parts[i + 1] === right) {
      out.push(left + right)
      i++
    } else out.push(parts[i]!)
  }
  return out
}

/** Token ids of a text. Each different word is worked out once. */
export function encodeBpe({ tokens, merges }: Bpe, text: string): Int32Array {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const known = new Map<string, number[]>()
  const out: number[] = []
  for (const word of splitWords(text)) {
    let encoded = known.get(word)
    if (!encoded) {
      encoded = merges.reduce(merge, spell(word)).map(part => ids.get(part)!)
      known.set(word, encoded)
    }
    for (const id of encoded) out.push(id)
  }
  return Int32Array.from(out)
}

/** The Hugging Face `tokenizer.json` and `tokenizer_config.json` of an encoding. */
export function tokenizerFiles(
  { tokens, merges }: Bpe,
  context: number,
): { tokenizer: object; config: object } {
  const special = tokens[0]!
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: 0,
        content: special,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(pair => pair.join(' ')),
    },
  }
  // Without the clean-up, which would drop the space before a punctuation mark: decoding gives the text back.
  const common = { clean_up_tokenization_spaces: false, model_max_length: context }
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: special,
    eos_token: special,
    ...common,
  }
  return { tokenizer, config }
}
