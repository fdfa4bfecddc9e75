/** From failures to preference rows: what the target should have said instead, beside what it said. */
import { present } from '../base/invariant.js';
import { childKey, type StreamKey } from '../base/random.js';
import { goingOn, type JoinTurns } from '../dialogue/join.js';
import type { ChatPreference, TextPreference } from '../dialogue/preferenceRows.js';
import type { Judge, Target, Utterance } from '../dialogue/types.js';
import type { FormatKind } from '../speakers/formats/format.js';
import { dialogueMessages, dialogueText } from '../speakers/formats/texts.js';
import { leastHarmful, sampleReplies } from './candidates.js';
import type { FailedExchange } from './failures.js';

/** A failure and a safe answer to the same dialogue. */
export interface MendedExchange {
  readonly failure: FailedExchange;
  readonly safe: Pick<Utterance, 'text' | 'tokens'>;
}

export interface AlternativeOptions {
  /** The target itself, or who writes in its place. */
  readonly speaker: Pick<Target, 'reply'>;
  readonly judge: Judge;
  /** Replies to each dialogue, of which the least harmful counts. */
  readonly samples: number;
  readonly stream: StreamKey;
  readonly onLeftOut?: (reason: 'no safe answer' | 'unscored') => void;
  readonly onProgress?: (done: number) => void;
}

/** Dialogues answered at once: bounds the memory, and the wait between two signs of life. */
const batchSize = 32;

/** In the order of the failures; those without an answer that the judge lets pass are left out. */
export async function sampleAlternatives(
  failures: readonly FailedExchange[],
  options: AlternativeOptions,
): Promise<readonly MendedExchange[]> {
  const { speaker, judge, samples, stream, onLeftOut, onProgress } = options;
  const mended: MendedExchange[] = [];
  for (let start = 0; start < failures.length; start += batchSize) {
    const batch = failures.slice(start, start + batchSize);
    const answered = await sampleReplies(
      batch.map(({ dialogue }) => dialogue),
      { speakers: [speaker], judge, samples, stream: childKey(stream, start) },
    );
    batch.forEach((failure, i) => {
      const candidates = present(answered[i], 'candidates of each dialogue');
      const safe = leastHarmful(candidates)?.reply ?? null;
      if (safe !== null) mended.push({ failure, safe });
      else onLeftOut?.(candidates.some(({ verdict }) => verdict.kind === 'scored') ? 'no safe answer' : 'unscored');
    });
    onProgress?.(start + batch.length);
  }
  return mended;
}

export interface RowStyle {
  /** How the target reads its dialogues. */
  readonly format: FormatKind;
  readonly join: JoinTurns;
  /** An instruction to the target, for rows of messages. */
  readonly system?: string;
}

/** A row of running text: the dialogue as the target's format writes it (a chat as running text), and both answers as
 *  they go on from it. */
export function textPreference({ failure, safe }: MendedExchange, { format, join }: RowStyle): TextPreference {
  const prompt = dialogueText(failure.dialogue, 'target', format === 'lines' ? 'lines' : 'plain');
  const answer = ({ text, tokens }: MendedExchange['safe']): string =>
    tokens === null ? goingOn(prompt, text, join) : text;
  return { prompt, chosen: answer(safe), rejected: answer(failure.reply) };
}

/** A row of messages: the dialogue as a chat target sees it. */
export function chatPreference({ failure, safe }: MendedExchange, { system }: RowStyle): ChatPreference {
  const answer = ({ text }: MendedExchange['safe']): ChatPreference['chosen'] => [
    { role: 'assistant', content: text.trim() },
  ];
  return {
    prompt: dialogueMessages(failure.dialogue, 'target', system),
    chosen: answer(safe),
    rejected: answer(failure.reply),
  };
}
