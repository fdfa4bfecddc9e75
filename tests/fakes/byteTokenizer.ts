/** A byte-level tokenizer without merges: one token a byte, so that lengths and boundaries can be counted by eye.
 *  Ids 0 to 255 are the bytes; 256 <bos> (never added by itself), 257 <end>, 258 <pad>, 259 and 260 chat marks. */
import { loadTokenizer, type Tokenizer } from '../../src/engine/text/tokenizer.js';

export const byteIds = { bos: 256, end: 257, pad: 258, open: 259, close: 260 } as const;
const specials = ['<bos>', '<end>', '<pad>', '<|open|>', '<|close|>'] as const;

/** @param options.addsBos the tokenizer puts <bos> first, as Llama's does
 *  @param options.salt a different identity with the same ids */
export function byteTokenizer(
  options: { readonly addsBos?: boolean; readonly hasBos?: boolean; readonly salt?: string } = {},
): Tokenizer {
  const { addsBos = false, hasBos = true, salt } = options;
  const added = [...specials, ...(salt === undefined ? [] : [`<${salt}>`])];
  const tokenizerJson = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map((content, i) => ({
      id: 256 + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: addsBos
      ? {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
          pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
          special_tokens: { '<bos>': { id: '<bos>', ids: [256], tokens: ['<bos>'] } },
        }
      : null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: byteVocabulary(),
      merges: [],
    },
  };
  const tokenizerConfig = { eos_token: '<end>', pad_token: '<pad>', ...(hasBos ? { bos_token: '<bos>' } : {}) };
  return loadTokenizer({ tokenizerJson, tokenizerConfig });
}

/** GPT-2's printable stand-in for every byte. */
function byteVocabulary(): Record<string, number> {
  const out: Record<string, number> = {};
  let extra = 0;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    out[String.fromCodePoint(printable ? byte : 256 + extra++)] = byte;
  }
  return out;
}

/** A ChatML-like template over the fake's chat marks. */
export const byteChatTemplate =
  "{% for message in messages %}<|open|>{{ message['role'] }}\n{{ message['content'] | trim }}<|close|>\n{% endfor %}{% if add_generation_prompt %}<|open|>assistant\n{% endif %}";
