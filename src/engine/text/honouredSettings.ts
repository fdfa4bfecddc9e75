/** Settings of tokenizer_config.json that change ids: where they are given, they win over the rules of tokenizer.json, as
 *  in the tokenizer classes of transformers that read them. A class's own defaults do not: what tokenizer_config.json
 *  leaves open is as tokenizer.json says. Source: transformers 5.23 `tokenization_bert.py`, `tokenization_roberta.py`,
 *  `tokenization_gpt2.py`, `tokenization_qwen2.py`, `tokenization_gpt_neox.py`, `tokenization_llama.py`. */
import { isRecord, isRule, type Rule, type TokenizerJson } from './tokenizerJson.js';

type Settings = Readonly<Record<string, unknown>>;

/** Tokenizer classes that read a setting, by the beginning of the class or of the model's type. */
const wordPiece = /^(bert|distilbert|electra|mobilebert|mpnet|funnel|lxmert)(tokenizer|$)/i;
const byteLevel = /^(roberta|gpt2|opt|qwen2|qwen3|gpt_?neox)(tokenizer|$)/i;
const sentencePiece = /^(llama|codellama)(tokenizer|$)/i;

/** @param settings parsed tokenizer_config.json
 *  @param config the model's parsed config.json, for files that name no tokenizer class */
export function honourSettings(rules: TokenizerJson, settings: Settings, config: unknown): TokenizerJson {
  const named = settings['tokenizer_class'] ?? (isRecord(config) ? config['model_type'] : null);
  const kind = typeof named === 'string' ? named : '';
  const prefix = settings['add_prefix_space'];
  if (wordPiece.test(kind))
    return { ...rules, normalizer: mapRules(rules.normalizer, (rule) => bertNormalizer(rule, settings)) };
  if (typeof prefix !== 'boolean') return rules;
  if (byteLevel.test(kind))
    return {
      ...rules,
      pre_tokenizer: mapRules(rules.pre_tokenizer, (rule) =>
        rule.type === 'ByteLevel' ? { ...rule, add_prefix_space: prefix } : rule,
      ),
    };
  return sentencePiece.test(kind) ? withPrefixSpace(rules, prefix) : rules;
}

/** The rule with every step of a sequence rewritten. */
function mapRules(rule: Rule | null, rewrite: (step: Rule) => Rule): Rule | null {
  if (rule === null) return null;
  if (rule.type !== 'Sequence') return rewrite(rule);
  return Object.fromEntries(
    Object.entries(rule).map(([key, steps]) => [
      key,
      Array.isArray(steps) ? steps.map((step: unknown) => (isRule(step) ? mapRules(step, rewrite) : step)) : steps,
    ]),
  ) as Rule; // its type is among the entries
}

function bertNormalizer(rule: Rule, settings: Settings): Rule {
  if (rule.type !== 'BertNormalizer') return rule;
  const { do_lower_case: lowers, strip_accents: strips, tokenize_chinese_chars: setsApart } = settings;
  return {
    ...rule,
    ...(typeof lowers === 'boolean' ? { lowercase: lowers } : {}),
    ...(typeof strips === 'boolean' ? { strip_accents: strips } : {}),
    ...(typeof setsApart === 'boolean' ? { handle_chinese_chars: setsApart } : {}),
  };
}

/** The rules for a text that goes on from another: no space is set before it. */
export function continuingRules(rules: TokenizerJson): TokenizerJson {
  return withPrefixSpace(
    {
      ...rules,
      pre_tokenizer: mapRules(rules.pre_tokenizer, (rule) =>
        rule.type === 'ByteLevel' ? { ...rule, add_prefix_space: false } : rule,
      ),
    },
    false,
  );
}

/** Llama's rules with or without the space that is set before a text. */
function withPrefixSpace(rules: TokenizerJson, prefix: boolean): TokenizerJson {
  if (rules.pre_tokenizer !== null)
    return {
      ...rules,
      pre_tokenizer: mapRules(rules.pre_tokenizer, (rule) => {
        if (rule.type !== 'Metaspace') return rule;
        const scheme = rule['prepend_scheme'] ?? (rule['add_prefix_space'] === false ? 'never' : 'always');
        return (scheme === 'never') === prefix ? { ...rule, prepend_scheme: prefix ? 'first' : 'never' } : rule;
      }),
    };
  const steps = rules.normalizer === null ? [] : stepsOf(rules.normalizer);
  const marks = steps.some((rule) => rule.type === 'Replace' && rule['content'] === '▁');
  if (!marks || prefix === steps.some(({ type }) => type === 'Prepend')) return rules;
  const others = steps.filter(({ type }) => type !== 'Prepend');
  return {
    ...rules,
    normalizer: {
      type: 'Sequence',
      normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, ...others] : others,
    },
  };
}

function stepsOf(rule: Rule): readonly Rule[] {
  const steps = rule.type === 'Sequence' ? rule['normalizers'] : [rule];
  return Array.isArray(steps) ? steps.filter(isRule) : [];
}
