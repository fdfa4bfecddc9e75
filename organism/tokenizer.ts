/** The organism's tokenizer, in the files that every library reads. One token a word: byte-level BPE whose vocabulary
 *  holds the grammar's words whole (`ignore_merges`, no merges), with all 256 bytes beneath them, so that any other
 *  text is still encoded and comes back exactly. A newline is one token and ends a turn: config.json and
 *  generation_config.json name it as the end of generation; it is no special token, so decoded text keeps it. */
import { present } from '../src/base/invariant.js';
import { textsOf } from './grammar.js';
import { shop } from './world.js';

export interface TokenizerFiles {
  readonly tokenizerJson: object;
  readonly tokenizerConfig: object;
  readonly generationConfig: object;
  readonly vocabularySize: number;
  readonly padId: number;
  /** The newline: ends an utterance. */
  readonly endId: number;
}

const padToken = '<pad>';

export function buildTokenizer(): TokenizerFiles {
  const vocabulary = [padToken, ...byteCharacters, ...wordTokens()];
  const idOf = new Map(vocabulary.map((token, id) => [token, id]));
  const padId = present(idOf.get(padToken), 'the padding token has an id');
  const endId = present(idOf.get(spell('\n')), 'a newline is a byte');
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    vocabularySize: vocabulary.length,
    padId,
    endId,
    tokenizerJson: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [
        {
          id: padId,
          content: padToken,
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
        ignore_merges: true,
        vocab: Object.fromEntries(idOf),
        merges: [],
      },
    },
    tokenizerConfig: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: 512,
      pad_token: padToken,
      clean_up_tokenization_spaces: false,
    },
    generationConfig: { eos_token_id: endId, pad_token_id: padId },
  };
}

/** The words of the grammar as they can stand in a text: after a space, at the start of a line, or, for a word that
 *  begins a stretch of text, both. */
function wordTokens(): readonly string[] {
  const tokens = new Set<string>();
  for (const text of textsOf(shop)) {
    for (const { 0: piece, index } of text.matchAll(/ ?\p{L}+| ?[^\s\p{L}\p{N}]+/gu)) {
      tokens.add(spell(piece));
      if (index === 0 && !piece.startsWith(' ')) tokens.add(spell(` ${piece}`));
    }
  }
  for (const single of byteCharacters) tokens.delete(single);
  return [...tokens].sort();
}

/** GPT-2's printable stand-ins for the 256 bytes, by byte. */
const byteCharacters: readonly string[] = (() => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
})();

function spell(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => byteCharacters[byte]).join('');
}
