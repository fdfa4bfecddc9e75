/** One utterance per line: a newline ends generation and stays in the context as the turn boundary. The organism speaks
 *  so. */
import { ConfigError } from '../../base/errors.js';
import { goingOn, joinLines, runningText } from '../../dialogue/join.js';
import type { Tokenizer } from '../../engine/text/tokenizer.js';
import { continuedContext, type FormatOptions, type SpeakerFormat, goingOnIds } from './format.js';
import { rememberIds } from './plain.js';

export function linesFormat(options: FormatOptions): SpeakerFormat {
  const { tokenizer } = options;
  const newlineIds = goingOnIds(tokenizer, '\n');
  const newline = newlineIds[0];
  if (newlineIds.length !== 1 || newline === undefined) {
    throw new ConfigError('this tokenizer has no token for a newline', {
      where: 'format: lines',
      remedy: 'Use format: plain.',
    });
  }
  const endsLine = (ids: readonly number[]): boolean =>
    ids.length > 0 && tokenizer.tokenBytes(ids[ids.length - 1] as number).at(-1) === 0x0a;
  const asLine = (ids: readonly number[]): readonly number[] => (endsLine(ids) ? ids : [...ids, newline]);
  const openingIds = rememberIds((text) => {
    const ids = tokenizer.encode(text);
    if (ids.length === 0) return tokenizer.bosId === null ? [] : [tokenizer.bosId];
    return asLine(ids);
  });
  return {
    kind: 'lines',
    place: (dialogue, text) => goingOn(runningText(dialogue, joinLines), text, joinLines),
    utterance: (text, maxTokens) => asLine(goingOnIds(tokenizer, firstLine(text))).slice(0, maxTokens),
    stop: { stopIds: [...new Set([...idsWithNewline(tokenizer), ...tokenizer.endIds])], stopStrings: [] },
    context: (dialogue) => continuedContext(dialogue, { ...options, join: joinLines, openingIds, asTurn: asLine }),
  };
}

/** Merged vocabularies have tokens such as ".\n\n": each of them ends a line. */
function idsWithNewline(tokenizer: Tokenizer): readonly number[] {
  return Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).filter((id) =>
    tokenizer.tokenBytes(id).includes(0x0a),
  );
}

function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0] ?? '';
}
