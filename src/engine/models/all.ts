/** The table of model families, and the way from a config.json to an architecture. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { bert } from './bert.js';
import type { RawConfig } from './configReader.js';
import { distilbert } from './distilbert.js';
import type { Architecture, ModelFamily } from './family.js';
import { refuseForeignKeys } from './foreignKeys.js';
import { gemma2 } from './gemma2.js';
import { gemma3Text } from './gemma3.js';
import { gpt2 } from './gpt2.js';
import { gptNeox } from './gptNeox.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { opt } from './opt.js';
import { phi3 } from './phi3.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';
import { roberta } from './roberta.js';
import { smollm3 } from './smollm3.js';
import type { EncoderFamily } from './textBody.js';

/** By `model_type` of config.json. */
export const modelFamilies = {
  gpt2,
  gpt_neox: gptNeox,
  opt,
  llama,
  mistral,
  qwen2,
  qwen3,
  smollm3,
  phi3,
  gemma2,
  gemma3_text: gemma3Text,
} as const satisfies Record<string, ModelFamily>;

/** Families that read but do not speak, by `model_type`. */
export const encoderFamilies = { bert, roberta, distilbert } as const satisfies Record<string, EncoderFamily>;

/** The head on top of a body. */
export type HeadKind = 'language' | 'classes';

/** The architecture that a config.json describes.
 *  @param head what the caller is going to use; a configuration made for the other is refused
 *  @throws ConfigError for an unknown family or class, with those known */
export function architectureOf(raw: RawConfig, head: HeadKind, where: string): Architecture {
  const families: Readonly<Record<string, ModelFamily>> = modelFamilies;
  const type = raw['model_type'];
  const family = typeof type === 'string' && Object.hasOwn(families, type) ? families[type] : undefined;
  if (family === undefined) {
    if (typeof type === 'string' && Object.hasOwn(encoderFamilies, type)) throw encoderError(type, where);
    if (isMultimodal(raw)) throw multimodalError(raw, families, where);
    const known = [...Object.keys(families), ...(head === 'classes' ? Object.keys(encoderFamilies) : [])];
    throw new ConfigError('Unknown model architecture', {
      where: `${where}: model_type`,
      expected: `one of ${known.join(', ')}`,
      got: JSON.stringify(type) ?? 'nothing',
    });
  }
  const expected = head === 'language' ? family.causalLanguageModels : family.classifiers;
  const classes = raw['architectures'];
  if (Array.isArray(classes) && classes.length > 0 && !classes.some((name) => expected.includes(name as string))) {
    throw new ConfigError(head === 'language' ? 'Not a causal language model' : 'Not a sequence classifier', {
      where: `${where}: architectures`,
      expected: `one of ${expected.join(', ')}`,
      got: classes.join(', '),
    });
  }
  refuseForeignKeys(raw, where);
  return family.open(raw, where);
}

/** Wrappers around text models have the text model's settings inside of theirs, beside those of another sense. */
function isMultimodal(raw: RawConfig): boolean {
  return ['text_config', 'vision_config', 'audio_config'].some(
    (key) => typeof raw[key] === 'object' && raw[key] !== null,
  );
}

function multimodalError(raw: RawConfig, families: Readonly<Record<string, ModelFamily>>, where: string): ConfigError {
  const classes = Array.isArray(raw['architectures']) ? raw['architectures'].join(', ') : 'no class';
  return new ConfigError('A multimodal model is not supported', {
    where: `${where}: model_type`,
    expected: `a text model, one of ${Object.keys(families).join(', ')}`,
    got: `${JSON.stringify(raw['model_type'])} (${classes})`,
    remedy: 'Save its text part as a model of its own with transformers, or serve it and use it as a remote target.',
  });
}

function encoderError(type: string, where: string): ConfigError {
  return new ConfigError('Not a causal language model', {
    where: `${where}: model_type`,
    expected: `one of ${Object.keys(modelFamilies).join(', ')}`,
    got: `${type}, an encoder: it gives no probability of a next token`,
    remedy: 'Use it as a judge (a classifier) or for embeddings.',
  });
}

/** The class that transformers loads a saved model of this architecture as. */
export function classNameOf({ family }: Architecture, head: HeadKind): string {
  const entry = present(
    Object.entries(modelFamilies).find(([name]) => name === family)?.[1],
    'an architecture is of a known family',
  );
  return present(
    (head === 'language' ? entry.causalLanguageModels : entry.classifiers)[0],
    'a family names its classes',
  );
}
