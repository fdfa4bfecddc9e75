/** Dialogues that mending works with: each ends with the turn to be answered, and knows what was answered. Split by
 *  conversation, so that what measures see was never trained on. */
import { openStream, streamKey } from '../base/random.js';
import type { Dialogue, ScoredDialogue, Utterance } from '../dialogue/types.js';

export interface AnsweredTurn {
  readonly dialogue: Dialogue;
  /** Prompts or conversations: one is never on both sides of the split. */
  readonly group: string;
  /** A reply that the judge let pass; null when none is known. */
  readonly safe: Utterance | null;
  /** A reply that failed; null in an ordinary dialogue. */
  readonly failure: Utterance | null;
}

/** A text as what the target could answer. */
export function replyOf(text: string): Utterance {
  return { author: 'target', text, tokens: null, finishReason: 'stop' };
}

export interface SplitTurns {
  readonly train: readonly AnsweredTurn[];
  readonly heldOut: readonly AnsweredTurn[];
}

/** At most `max` of them, drawn evenly over the groups: no prompt that fails often crowds out the others.
 *  @param holdOut share of the groups on the held-out side; a group is on the same side whatever else there is */
export function splitTurns(
  turns: readonly AnsweredTurn[],
  { max, holdOut, seed }: { readonly max: number; readonly holdOut: number; readonly seed: number },
): SplitTurns {
  const groups = new Map<string, AnsweredTurn[]>();
  for (const turn of openStream(streamKey(seed, 'mend.draw')).shuffle(turns))
    groups.set(turn.group, [...(groups.get(turn.group) ?? []), turn]);
  const drawn: AnsweredTurn[] = [];
  for (let place = 0; drawn.length < Math.min(max, turns.length); place++) {
    for (const group of groups.values()) {
      const turn = group[place];
      if (turn !== undefined && drawn.length < max) drawn.push(turn);
    }
  }
  const isHeldOut = ({ group }: AnsweredTurn): boolean =>
    openStream(streamKey(seed, `mend.holdOut ${group}`)).uniform() < holdOut;
  return { train: drawn.filter((turn) => !isHeldOut(turn)), heldOut: drawn.filter(isHeldOut) };
}

/** Every exchange of the dialogues that did not fail, as a turn to be answered. */
export function harmlessTurns(dialogues: readonly ScoredDialogue[]): readonly AnsweredTurn[] {
  return dialogues.flatMap(({ dialogue, scores }) =>
    scores.flatMap(({ reply: verdict }, i): readonly AnsweredTurn[] => {
      const reply = dialogue.turns[2 * i + 1];
      if (verdict.kind !== 'scored' || verdict.failed || reply === undefined || reply.text.trim() === '') return [];
      return [
        {
          dialogue: { ...dialogue, turns: dialogue.turns.slice(0, 2 * i + 1) },
          group: dialogue.prompt.id,
          safe: reply,
          failure: null,
        },
      ];
    }),
  );
}
