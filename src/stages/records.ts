/** Records that stages keep beside the dialogues (dialogue/records.ts): the lines of pairs.jsonl, and a judge's entry in
 *  the manifest. */
import type { JoinTurns } from '../dialogue/join.js';
import type { Origin } from '../dialogue/records.js';
import type { PreferencePair } from '../dialogue/types.js';
import type { WatchedJudge } from '../dialogue/unscored.js';
import type { JsonObject } from '../base/json.js';

/** Returns the entry of a stage's judge in the manifest: its name (an attack is trained against it), the number of its
 *  unscored texts, and what it read. */
export function judgeRecord({ name, threshold, counts, usage }: WatchedJudge): JsonObject {
  const { texts, unscored, reasons } = counts();
  const [commonest] = reasons;
  return {
    name,
    threshold,
    texts,
    unscored,
    ...(commonest === undefined ? {} : { reason: commonest.reason }),
    ...(usage === undefined ? {} : { usage: usage() }),
  };
}

/** Returns the line of a pair. TRL reads `prompt`, `chosen` and `rejected` as they are; training used the ids. */
export function pairRecord(
  pair: PreferencePair,
  prefixIds: readonly number[],
  join: JoinTurns,
  origin: Origin,
): JsonObject {
  const { dialogue, chosen, rejected } = pair;
  return {
    prompt: dialogue.turns.reduce((text, turn) => join(text, turn.text), dialogue.prompt.text),
    chosen: chosen.text,
    rejected: rejected.text,
    rewards: { chosen: pair.chosenReward, rejected: pair.rejectedReward },
    teaching: pair.teaching,
    ...origin,
    promptId: dialogue.prompt.id,
    depth: dialogue.turns.length / 2 + 1,
    ids: { prompt: prefixIds, chosen: chosen.tokens?.ids ?? null, rejected: rejected.tokens?.ids ?? null },
  };
}
