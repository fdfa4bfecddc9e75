/** How a directory in sentence-transformers' layout makes one vector of a text: modules.json lists the steps,
 *  1_Pooling/config.json says which states are taken, sentence_bert_config.json how long a text may be. Source:
 *  sentence-transformers 5, `models/Pooling.py`, `models/Transformer.py`. */
import { join } from 'node:path';
import { ConfigError, FormatError } from '../../../base/errors.js';
import { isRecord, readJsonIfPresent } from './jsonFile.js';

export interface SentenceLayout {
  readonly pooling: 'first' | 'last' | 'mean';
  /** Vectors are scaled to length 1. */
  readonly isNormalised: boolean;
  /** Most tokens of a text, special ones included; null where the files do not say. */
  readonly maxTokens: number | null;
}

/** Keys of 1_Pooling/config.json, and newer files' one word. */
const poolings = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_cls_token: 'first',
  pooling_mode_lasttoken: 'last',
} as const;
const words: Readonly<Record<string, SentenceLayout['pooling']>> = { mean: 'mean', cls: 'first', lasttoken: 'last' };

/** @returns null for a directory without modules.json
 *  @throws ConfigError for a step or a pooling that is not supported, FormatError for a malformed file */
export async function readSentenceLayout(directory: string): Promise<SentenceLayout | null> {
  const where = join(directory, 'modules.json');
  const modules = await readJsonIfPresent(where);
  if (modules === undefined) return null;
  if (!Array.isArray(modules) || !modules.every(isRecord)) throw new FormatError('not a list of modules', { where });
  let pooling: SentenceLayout['pooling'] | null = null;
  let isNormalised = false;
  for (const { type, path } of modules) {
    const kind = typeof type === 'string' ? (type.split('.').at(-1) ?? type) : '';
    if (kind === 'Pooling') pooling = await readPooling(directory, path);
    else if (kind === 'Normalize') isNormalised = true;
    else if (kind !== 'Transformer')
      throw new ConfigError('This step of an embedding is not supported', {
        where,
        expected: 'Transformer, Pooling or Normalize',
        got: String(type),
      });
  }
  if (pooling === null)
    throw new ConfigError('The embedding has no pooling', { where, expected: 'a module of type Pooling' });
  const limits = await readJsonIfPresent(join(directory, 'sentence_bert_config.json'));
  const most = isRecord(limits) ? limits['max_seq_length'] : null;
  return {
    pooling,
    isNormalised,
    maxTokens: typeof most === 'number' && Number.isInteger(most) && most > 0 ? most : null,
  };
}

async function readPooling(directory: string, path: unknown): Promise<SentenceLayout['pooling']> {
  const folder = typeof path === 'string' && /^[\w-]+$/.test(path) ? path : '1_Pooling';
  const where = join(directory, folder, 'config.json');
  const config = await readJsonIfPresent(where);
  if (!isRecord(config)) throw new FormatError('no pooling configuration', { where });
  const chosen = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true);
  const [key = ''] = chosen;
  const word = typeof config['pooling_mode'] === 'string' ? config['pooling_mode'] : '';
  const pooling =
    chosen.length === 1 && Object.hasOwn(poolings, key)
      ? poolings[key as keyof typeof poolings]
      : chosen.length === 0
        ? words[word]
        : undefined;
  if (pooling === undefined) {
    throw new ConfigError('This pooling is not supported', {
      where,
      expected: `one of ${Object.keys(poolings).join(', ')}`,
      got: [...chosen, word].join(' ').trim() || 'none',
    });
  }
  return pooling;
}
