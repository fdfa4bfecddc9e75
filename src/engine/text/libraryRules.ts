/** Rewrites the rules of a tokenizer.json so that @huggingface/tokenizers (JavaScript) does with them what the native
 *  library does. Each rewriting names the difference it removes; all were found by comparing ids on the same text. */
import { isRule, type Rule, type TokenizerJson } from './tokenizerJson.js';

/** GPT-2's pattern. White_Space, because JavaScript's \s counts U+FEFF as a space and U+0085 not. */
const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+";

/** The blocks that BERT sets apart as words of their own. */
const ideographs =
  '[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B73F}' +
  '\\x{2B740}-\\x{2B81F}\\x{2B920}-\\x{2CEAF}\\x{F900}-\\x{FAFF}\\x{2F800}-\\x{2FA1F}]';

/** @returns what the library's constructor takes */
export function libraryRules({
  added_tokens,
  normalizer,
  pre_tokenizer,
  post_processor,
  decoder,
  model,
}: TokenizerJson): object {
  return {
    added_tokens,
    normalizer: normalizer === null ? null : normalizingRule(normalizer),
    pre_tokenizer: pre_tokenizer === null ? null : splitRule(pre_tokenizer),
    post_processor,
    decoder,
    model,
  };
}

/** JavaScript lowers a capital sigma at the end of a word to ς; the native library looks at no neighbours. */
const lowerSigma: Rule = { type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' };

function normalizingRule(rule: Rule): Rule {
  if (rule.type === 'Sequence') return mapSteps(rule, 'normalizers', normalizingRule);
  if (rule.type === 'Lowercase') return { type: 'Sequence', normalizers: [lowerSigma, rule] };
  if (rule.type !== 'BertNormalizer') return rule;
  // The library looks at UTF-16 units and so misses the ideographs beyond the first plane. `$&` is the match itself.
  const setApart: Rule = { type: 'Replace', pattern: { Regex: ideographs }, content: ' $& ' };
  const clean: Rule = {
    type: 'BertNormalizer',
    clean_text: rule['clean_text'],
    handle_chinese_chars: false,
    lowercase: false,
    strip_accents: false,
  };
  const rest: Rule = { ...rule, clean_text: false, handle_chinese_chars: false };
  return {
    type: 'Sequence',
    normalizers: [
      clean,
      ...(rule['handle_chinese_chars'] === true ? [setApart] : []),
      ...(rule['lowercase'] === true ? [lowerSigma] : []),
      rest,
    ],
  };
}

function splitRule(rule: Rule): Rule {
  switch (rule.type) {
    case 'Sequence':
      return mapSteps(rule, 'pretokenizers', splitRule);
    case 'ByteLevel':
      return byteLevelRule(rule);
    case 'Digits':
      // JavaScript's \d is ASCII; the native library splits at every numeric character (Nd, Nl, No).
      return isolate(rule['individual_digits'] === true ? '\\p{N}' : '\\p{N}+');
    case 'Metaspace':
      return metaspaceRule(rule);
    default:
      return rule;
  }
}

function byteLevelRule(rule: Rule): Rule {
  if (rule['use_regex'] === false) return rule;
  const steps: Rule[] = [isolate(gpt2Pattern), { ...rule, use_regex: false, add_prefix_space: false }];
  // The space is set before each piece that has none, ahead of the split. `$&` is the match itself.
  if (rule['add_prefix_space'] === true)
    steps.unshift({ type: 'Replace', pattern: { Regex: '\\A[^ ]' }, content: ' $&' });
  return { type: 'Sequence', pretokenizers: steps };
}

/** The library never splits at the replacement character; the native one does unless told not to. */
function metaspaceRule(rule: Rule): Rule {
  if (rule['split'] === false) return rule;
  const mark = typeof rule['replacement'] === 'string' ? rule['replacement'] : '▁';
  // `invert` makes the library return the matches: each mark with what follows it.
  const split: Rule = {
    type: 'Split',
    pattern: { Regex: `${mark}[^${mark}]*|[^${mark}]+` },
    behavior: 'Isolated',
    invert: true,
  };
  return { type: 'Sequence', pretokenizers: [rule, split] };
}

function mapSteps(rule: Rule, key: string, rewrite: (step: Rule) => Rule): Rule {
  const steps = rule[key];
  return Array.isArray(steps)
    ? { ...rule, [key]: steps.map((step: unknown) => (isRule(step) ? rewrite(step) : step)) }
    : rule;
}

function isolate(pattern: string): Rule {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}
