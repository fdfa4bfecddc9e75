/** Rewrites the rules of a tokenizer.json so that @huggingface/tokenizers (JavaScript) does with them what the native library does.
 *  Each rewriting names the difference it removes; all were found by comparing ids on the same text. */
import { isRule, type Rule, type TokenizerJson } from './tokenizerJson.js';

/** GPT-2's pattern. White_Space, because JavaScript's \s counts U+FEFF as a space and U+0085 not. */
const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+";

/** @returns what the library's constructor takes */
export function libraryRules({ added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model }: TokenizerJson): object {
  return { added_tokens, normalizer, pre_tokenizer: pre_tokenizer === null ? null : splitRule(pre_tokenizer), post_processor, decoder, model };
}

function splitRule(rule: Rule): Rule {
  switch (rule.type) {
    case 'Sequence': {
      const steps = rule['pretokenizers'];
      return { ...rule, pretokenizers: Array.isArray(steps) ? steps.map((step: unknown) => (isRule(step) ? splitRule(step) : step)) : steps };
    }
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
  // The space is set before each piece that has none, ahead of the split: an empty match at the start, unless a space follows.
  if (rule['add_prefix_space'] === true) steps.unshift({ type: 'Replace', pattern: { Regex: '\\A(?! )' }, content: ' ' });
  return { type: 'Sequence', pretokenizers: steps };
}

/** The library never splits at the replacement character; the native one does unless told not to. */
function metaspaceRule(rule: Rule): Rule {
  if (rule['split'] === false) return rule;
  const mark = typeof rule['replacement'] === 'string' ? rule['replacement'] : '▁';
  // `invert` makes the library return the matches: each mark with what follows it.
  const split: Rule = { type: 'Split', pattern: { Regex: `${mark}[^${mark}]*|[^${mark}]+` }, behavior: 'Isolated', invert: true };
  return { type: 'Sequence', pretokenizers: [rule, split] };
}

function isolate(pattern: string): Rule {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}
