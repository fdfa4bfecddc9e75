/** How byte-level tokenizers of GGUF files cut a text, by `tokenizer.ggml.pre`, as rules of tokenizer.json. Source:
 *  llama.cpp's llama-vocab.cpp, and the tokenizer.json of the models that the names stand for. */

const gpt2Split = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const bytesOnly = { ...gpt2Split, use_regex: false };
const isolate = (pattern: string): object => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
const llama3Split = (digits: string): object =>
  isolate(
    `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  );
const sequence = (...pretokenizers: readonly object[]): object => ({ type: 'Sequence', pretokenizers });

/** A word ends where a capital follows a small letter; a contraction belongs to its word. */
const letters = (classes: string): string => `[${classes}\\p{Lm}\\p{Lo}\\p{M}]`;
const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const gpt4oSplit = isolate(
  [
    `[^\\r\\n\\p{L}\\p{N}]?${letters('\\p{Lu}\\p{Lt}')}*${letters('\\p{Ll}')}+${contraction}`,
    `[^\\r\\n\\p{L}\\p{N}]?${letters('\\p{Lu}\\p{Lt}')}+${letters('\\p{Ll}')}*${contraction}`,
    '\\p{N}{1,3}',
    ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
    '\\s*[\\r\\n]+',
    '\\s+(?!\\S)',
    '\\s+',
  ].join('|'),
);

export interface ByteLevelRule {
  readonly preTokenizer: object;
  readonly ignoreMerges: boolean;
  readonly normalizer?: object;
  /** A text begins with BOS where the file does not say so. */
  readonly beginsWithBos?: boolean;
}

const smollm = { preTokenizer: sequence({ type: 'Digits', individual_digits: true }, gpt2Split), ignoreMerges: false };
const gpt2 = { preTokenizer: gpt2Split, ignoreMerges: false };
const llama3 = { preTokenizer: sequence(llama3Split('{1,3}'), bytesOnly), ignoreMerges: true, beginsWithBos: true };
/** Qwen's tokenizers compose letters and their accents; llama.cpp and transformers' reader of GGUF do not. */
const qwen2 = {
  preTokenizer: sequence(llama3Split(''), bytesOnly),
  ignoreMerges: false,
  normalizer: { type: 'NFC' },
};
const gpt4o = { preTokenizer: sequence(gpt4oSplit, bytesOnly), ignoreMerges: false };
/** llama.cpp does this with a file that names no pre-tokenizer. */
const unnamed = {
  preTokenizer: sequence(
    isolate('[\\p{P}\\$\\+<=>\\^~\\|]+'),
    isolate("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"),
    isolate('\\p{N}+'),
    isolate('[0-9][0-9][0-9]'),
    bytesOnly,
  ),
  ignoreMerges: false,
};

/** Pre-tokenizers by their name in `tokenizer.ggml.pre`. */
export const preTokenizers: Readonly<Record<string, ByteLevelRule>> = {
  smollm,
  starcoder: smollm,
  refact: smollm,
  codeshell: smollm,
  'gpt-2': gpt2,
  'phi-2': gpt2,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  qwen2,
  'deepseek-r1-qwen': qwen2,
  'gpt-4o': gpt4o,
  llama4: gpt4o,
  default: unnamed,
};
