/** Which ids begin, end and pad a text: read from the files that may say so, in the order in which they are believed.
 */
import { FormatError } from '../../base/errors.js';
import { isRecord } from './tokenizerJson.js';

export interface SpecialIds {
  readonly bosId: number | null;
  readonly endIds: readonly number[];
  readonly padId: number;
}

interface SpecialSources {
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  readonly generationConfig?: unknown;
  readonly config?: unknown;
}

/** Ends: generation_config.json alone when it says so (one id or a list); else config.json's together with the
 *  tokenizer's own end token, because a tuned chat model may keep its base model's config.json. Padding falls back to
 *  an end id, then 0. */
export function resolveSpecialIds(ids: ReadonlyMap<string, number>, sources: SpecialSources): SpecialIds {
  const { tokenizerConfig } = sources;
  const generationConfig = isRecord(sources.generationConfig) ? sources.generationConfig : {};
  const config = isRecord(sources.config) ? sources.config : {};
  const named = (key: string): number | null => tokenId(ids, tokenizerConfig[key]);

  const generationEnds = readIds(generationConfig, 'eos_token_id', 'generation_config.json');
  const ownEnd = named('eos_token');
  const endIds =
    generationEnds.length > 0
      ? generationEnds
      : [...new Set([...readIds(config, 'eos_token_id', 'config.json'), ...(ownEnd === null ? [] : [ownEnd])])];
  const bosId = named('bos_token') ?? readIds(config, 'bos_token_id', 'config.json')[0] ?? null;
  const padId =
    named('pad_token') ??
    readIds(generationConfig, 'pad_token_id', 'generation_config.json')[0] ??
    readIds(config, 'pad_token_id', 'config.json')[0] ??
    endIds[0] ??
    0;
  return { bosId, endIds, padId };
}

/** A special token is written as its text, or as an object with `content`. */
function tokenId(ids: ReadonlyMap<string, number>, token: unknown): number | null {
  const content = isRecord(token) ? token['content'] : token;
  return typeof content === 'string' ? (ids.get(content) ?? null) : null;
}

/** One id, a list of ids, or nothing (absent, null, or a negative placeholder). */
function readIds(file: Readonly<Record<string, unknown>>, key: string, where: string): readonly number[] {
  const value = file[key] ?? null;
  if (value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((id) => {
    if (!Number.isInteger(id))
      throw new FormatError(`"${key}" is neither an id nor a list of ids`, { where, got: JSON.stringify(value) });
    return (id as number) < 0 ? [] : [id as number];
  });
}
