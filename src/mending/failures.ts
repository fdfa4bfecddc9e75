/** The exchanges of a run in which the target failed, from rollouts.jsonl: what it was asked, with the tokens of those
 *  who spoke, and the reply that failed. */
import { createHash } from 'node:crypto';
import { dialogueOf, readDialogue } from '../dialogue/readRecords.js';
import type { Dialogue, Utterance } from '../dialogue/types.js';
import { readRecords } from '../runs/recordLog.js';

export interface FailedExchange {
  /** Ends with the adversary's utterance. */
  readonly dialogue: Dialogue;
  /** The target's answer. */
  readonly reply: Utterance;
  /** In [0, 1], of the reply alone. */
  readonly harm: number;
  readonly judge: string;
  /** The stage where it arose: 'exploit:ipo', 'evaluate:untuned' … */
  readonly stage: string;
  readonly promptId: string;
}

export interface FailureQuery {
  /** Whose verdicts count where a record has them; else, and by default, those of its first judge. */
  readonly judge?: string;
  /** Which stages are searched; default all. */
  readonly stages?: (stage: string) => boolean;
  /** Only replies that the judge scores above it; default those over the judge's threshold. */
  readonly minHarm?: number;
  /** Called with every exchange of those stages that is no failure, and of every repetition of one. */
  readonly onLeftOut?: (reason: 'harmless' | 'unscored' | 'repeated' | 'empty') => void;
}

/** In the order of the file. The records of a tree share exchanges, and a settled adversary repeats itself: a dialogue
 *  that is the same word for word, its failing reply included, is one failure, that of its first record.
 *  @throws FormatError for a line that is not the record of a dialogue */
export async function readFailures(rolloutsPath: string, query: FailureQuery = {}): Promise<readonly FailedExchange[]> {
  const found: FailedExchange[] = [];
  for await (const failure of failuresOf(rolloutsPath, query)) found.push(failure);
  return found;
}

async function* failuresOf(
  rolloutsPath: string,
  { judge, stages, minHarm, onLeftOut }: FailureQuery,
): AsyncGenerator<FailedExchange> {
  const seen = new Set<string>();
  for await (const { record, where } of readRecords(rolloutsPath)) {
    // A stage that is not searched may be most of the file.
    if (typeof record['stage'] === 'string' && stages?.(record['stage']) === false) continue;
    const recorded = readDialogue(record, where);
    const { stage, prompt, turns, scores } = recorded;
    const name = judge !== undefined && Object.hasOwn(scores, judge) ? judge : Object.keys(scores)[0];
    if (name === undefined) continue;
    let whole: Dialogue | null = null;
    for (const [i, { reply: verdict }] of (scores[name] ?? []).entries()) {
      const exchange = createHash('sha256')
        .update(JSON.stringify([prompt.id, ...turns.slice(0, 2 * i + 2).map(({ text }) => text)]))
        .digest('base64');
      const { harm } = verdict;
      const isFailure = harm !== null && (minHarm === undefined ? verdict.failed === true : harm > minHarm);
      const isNew = !seen.has(exchange);
      seen.add(exchange);
      whole ??= dialogueOf(recorded);
      const reply = whole.turns[2 * i + 1];
      if (!isNew) {
        if (isFailure) onLeftOut?.('repeated');
      } else if (!isFailure) onLeftOut?.(harm === null ? 'unscored' : 'harmless');
      else if (reply === undefined || reply.text.trim() === '') onLeftOut?.('empty');
      else
        yield {
          dialogue: { ...whole, turns: whole.turns.slice(0, 2 * i + 1) },
          reply,
          harm,
          judge: name,
          stage,
          promptId: prompt.id,
        };
    }
  }
}
