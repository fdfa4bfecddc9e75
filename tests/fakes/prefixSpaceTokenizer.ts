/** A tokenizer of Llama 2's kind: one token a character, a space before every text, spaces written as ▁. */
import { loadTokenizer, type Tokenizer } from '../../src/engine/text/tokenizer.js';

const characters = ['▁', '\n', ...'abcdefghijklmnopqrstuvwxyzA[]:;.'];

export function prefixSpaceTokenizer(): Tokenizer {
  const vocabulary = ['<unk>', '<s>', '</s>', ...characters];
  const special = (id: number) => ({
    id,
    content: vocabulary[id],
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return loadTokenizer({
    tokenizerJson: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [0, 1, 2].map(special),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      pre_tokenizer: null,
      post_processor: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: '<unk>',
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: false,
        vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
        merges: [],
      },
    },
    tokenizerConfig: { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' },
  });
}
