/** Tokenizers given as plain vocabulary files, as checkpoints had them before tokenizer.json: vocab.txt (WordPiece,
 *  BERT) and vocab.json with merges.txt (byte-level BPE, RoBERTa, GPT-2 and OPT). Makes the tokenizer.json that transformers
 *  makes of them. Source: transformers 5.23 `tokenization_bert.py`, `tokenization_roberta.py`, `tokenization_gpt2.py`.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, FormatError } from '../../../base/errors.js';
import { isRecord, readJsonIfPresent, readTextIfPresent } from './jsonFile.js';

type Fields = Readonly<Record<string, unknown>>;

/** @param tokenizerConfig parsed tokenizer_config.json
 *  @returns parsed tokenizer.json, or null when the directory has none of these files
 *  @throws ConfigError for a vocabulary whose rules cannot be told from its files, FormatError for a malformed file */
export async function readPlainVocabulary(directory: string, tokenizerConfig: unknown): Promise<Fields | null> {
  const names = await readdir(directory);
  const isWordPiece = names.includes('vocab.txt');
  const isByteLevel = names.includes('vocab.json') && names.includes('merges.txt');
  if (!isWordPiece && !isByteLevel) return null;
  const named = await readJsonIfPresent(join(directory, 'special_tokens_map.json'));
  const settings: Fields = { ...(isRecord(tokenizerConfig) ? tokenizerConfig : {}), ...(isRecord(named) ? named : {}) };
  const config = await readJsonIfPresent(join(directory, 'config.json'));
  const words = [settings['tokenizer_class'], isRecord(config) ? config['model_type'] : null].find(
    (word) => typeof word === 'string',
  );
  const kind = /^(Distil)?Bert(Tokenizer|$)/i.test(String(words))
    ? 'bert'
    : (/^(roberta|gpt2|opt)(Tokenizer|$)/i.exec(String(words))?.[1] ?? '').toLowerCase().replace('opt', 'gpt2');
  const isExtended = names.includes('added_tokens.json');
  if (isWordPiece && kind === 'bert' && !isExtended)
    return wordPieceRules(await readLines(join(directory, 'vocab.txt')), settings);
  if (isByteLevel && (kind === 'roberta' || kind === 'gpt2') && !isExtended) {
    const where = join(directory, 'vocab.json');
    const vocab = await readJsonIfPresent(where);
    if (!isRecord(vocab)) throw new FormatError('not a vocabulary', { where, expected: 'an object of ids by token' });
    return byteLevelRules(vocab, await readLines(join(directory, 'merges.txt')), settings, kind === 'roberta');
  }
  throw new ConfigError('The rules of this tokenizer cannot be told from its vocabulary', {
    where: directory,
    expected:
      'tokenizer.json, or the plain vocabulary of BERT, DistilBERT, RoBERTa, GPT-2 or OPT without added_tokens.json',
    got: `${names.filter((name) => /^(vocab\.|merges\.|added_tokens)/.test(name)).join(', ')} of ${String(words)}`,
    remedy: `Make tokenizer.json once: python -c "from transformers import AutoTokenizer as T; T.from_pretrained('${directory}').save_pretrained('${directory}')".`,
  });
}

function wordPieceRules(lines: readonly string[], settings: Fields): Fields {
  const vocab = new Map(lines.map((token, id) => [token, id]));
  const special = specials(vocab, settings, {
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    mask_token: '[MASK]',
  });
  const [cls, sep] = [special.required('cls_token'), special.required('sep_token')];
  const token = (id: string, type: number): Fields => ({ SpecialToken: { id, type_id: type } });
  const sequence = (id: string, type: number): Fields => ({ Sequence: { id, type_id: type } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings['tokenize_chinese_chars'] ?? true,
      strip_accents: settings['strip_accents'] ?? null,
      lowercase: settings['do_lower_case'] ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token(cls.content, 0), sequence('A', 0), token(sep.content, 0)],
      pair: [token(cls.content, 0), sequence('A', 0), token(sep.content, 0), sequence('B', 1), token(sep.content, 1)],
      special_tokens: Object.fromEntries(
        [cls, sep].map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: special.required('unk_token').content,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocab),
    },
  };
}

function byteLevelRules(vocab: Fields, lines: readonly string[], settings: Fields, isRoberta: boolean): Fields {
  const ids = new Map(Object.entries(vocab).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  const special = isRoberta
    ? specials(ids, settings, {
        bos_token: '<s>',
        eos_token: '</s>',
        unk_token: '<unk>',
        sep_token: '</s>',
        pad_token: '<pad>',
        cls_token: '<s>',
        mask_token: '<mask>',
      })
    : specials(ids, settings, {
        unk_token: '<|endoftext|>',
        bos_token: '<|endoftext|>',
        eos_token: '<|endoftext|>',
        pad_token: '',
      });
  const addsSpace = settings['add_prefix_space'] ?? false;
  const pair = (name: string): readonly unknown[] => [special.required(name).content, special.required(name).id];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: addsSpace, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.added,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: isRoberta
      ? {
          type: 'RobertaProcessing',
          sep: pair('sep_token'),
          cls: pair('cls_token'),
          trim_offsets: true,
          add_prefix_space: addsSpace,
        }
      : surroundingTokens(settings, special),
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: lines.filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version'))),
    },
  };
}

/** The tokens that `add_bos_token` and `add_eos_token` set around a text; null for neither. */
function surroundingTokens(
  settings: Fields,
  special: { readonly required: (name: string) => SpecialToken },
): Fields | null {
  const bos = settings['add_bos_token'] === true ? [special.required('bos_token')] : [];
  const eos = settings['add_eos_token'] === true ? [special.required('eos_token')] : [];
  if (bos.length + eos.length === 0) return null;
  const token = ({ content }: SpecialToken, type: number): Fields => ({ SpecialToken: { id: content, type_id: type } });
  const around = (name: string, type: number): readonly Fields[] => [
    ...bos.map((each) => token(each, type)),
    { Sequence: { id: name, type_id: type } },
    ...eos.map((each) => token(each, type)),
  ];
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      [...bos, ...eos].map(({ content, id }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

interface SpecialToken {
  readonly id: number;
  readonly content: string;
}

/** The special tokens that tokenizer_config.json names, or the class's own. */
function specials(
  ids: ReadonlyMap<string, number>,
  settings: Fields,
  defaults: Readonly<Record<string, string>>,
): { readonly added: readonly Fields[]; readonly required: (name: string) => SpecialToken } {
  const contentOf = (name: string): string => {
    const given = settings[name];
    const content = isRecord(given) ? given['content'] : given;
    return typeof content === 'string' ? content : (defaults[name] ?? '');
  };
  const contents = [...new Set(Object.keys(defaults).map(contentOf))];
  const known = contents
    .flatMap((content) => (ids.has(content) ? [{ id: ids.get(content) ?? 0, content }] : []))
    .sort((a, b) => a.id - b.id);
  return {
    added: known.map((token) => ({
      ...token,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    required: (name) => {
      const token = known.find(({ content }) => content === contentOf(name));
      if (token === undefined)
        throw new FormatError('A special token is not in the vocabulary', {
          where: name,
          got: JSON.stringify(contentOf(name)),
        });
      return token;
    },
  };
}

/** @throws FormatError when there is no such file */
async function readLines(path: string): Promise<readonly string[]> {
  const text = await readTextIfPresent(path);
  if (text === null) throw new FormatError('no such file', { where: path });
  const lines = text.split(/\r\n|\r|\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
