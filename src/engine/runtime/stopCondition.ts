/** When a row of generated tokens ends: at a stop id, at a sequence of ids, or when its text contains a stop text.
 *  Text is matched as bytes, token by token, so a stop text may begin inside one token and end inside another. */
import { ConfigError } from '../../base/errors.js';
import type { SamplingOptions } from './samplingOptions.js';

export interface StopCondition {
  /** Takes the next generated token; true when the row ends with it. */
  readonly push: (id: number) => boolean;
}

/** @param tokenBytes bytes of each token; needed for stop texts only */
export function createStopCondition(options: SamplingOptions, tokenBytes: readonly Uint8Array[] | null): StopCondition {
  const stopIds = new Set(options.stopIds);
  const sequences = options.stopSequences ?? [];
  const texts = (options.stopTexts ?? []).map((text) => Buffer.from(text, 'utf8'));
  if (texts.length > 0 && tokenBytes === null) {
    throw new ConfigError('stop texts need the bytes of the tokens', {
      where: 'sampling.stopTexts',
      remedy: 'Register the vocabulary with the program first.',
    });
  }
  const longestSequence = Math.max(0, ...sequences.map(({ length }) => length));
  const keptBytes = Math.max(0, ...texts.map(({ length }) => length)) - 1;
  let lastIds: number[] = [];
  let tail = Buffer.alloc(0);
  return {
    push(id) {
      if (stopIds.has(id)) return true;
      if (longestSequence > 0) {
        lastIds = [...lastIds, id].slice(-longestSequence);
        if (sequences.some((sequence) => endsWith(lastIds, sequence))) return true;
      }
      if (texts.length === 0) return false;
      const bytes = tokenBytes?.[id] ?? new Uint8Array();
      // The tail is shorter than the longest stop text: a match always includes a new byte … unless the text is shorter
      // than the tail, and then it was found when its last byte came.
      const text = Buffer.concat([tail, bytes]);
      if (texts.some((stop) => text.includes(stop))) return true;
      tail = Buffer.from(text.subarray(Math.max(0, text.length - keptBytes)));
      return false;
    },
  };
}

function endsWith(ids: readonly number[], sequence: readonly number[]): boolean {
  return (
    ids.length >= sequence.length && sequence.every((id, index) => ids[ids.length - sequence.length + index] === id)
  );
}
