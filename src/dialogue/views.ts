/** Keeps private what only one side of a dialogue may see. The prompt's text, its known turns and all that was said since
 *  are public. A prompt's views are private: each is shown to its own side alone, and judges see neither. */
import { type JoinTurns, runningText } from './join.js';
import type { Author, Dialogue, Prompt } from './types.js';

/** Returns the dialogue as one side may know it: without the other side's view, without the ids that models read, and
 *  without the fields that are for judges and attacks (the target string, the background, the source's further fields; for
 *  the target the goal, too). */
export function dialogueSeenBy(side: Author, dialogue: Dialogue): Dialogue {
  const prompt = promptSeenBy(side, dialogue.prompt);
  if (prompt === dialogue.prompt) return dialogue;
  return { prompt, turns: dialogue.turns.map(({ contextIds: _context, reading: _reading, ...turn }) => turn) };
}

function promptSeenBy(side: Author, prompt: Prompt): Prompt {
  const { goal, targetString, background, views, meta, ...open } = prompt;
  const hidesGoal = side === 'target' && goal !== undefined;
  const isPrivate = [targetString, background, views, meta].some((part) => part !== undefined);
  if (!hidesGoal && !isPrivate) return prompt;
  const own = views?.[side];
  return {
    ...open,
    ...(goal === undefined || hidesGoal ? {} : { goal }),
    ...(own === undefined ? {} : { views: { [side]: own } }),
  };
}

/** Returns the text that one side reads before the first utterance: its own view, then the prompt. */
export function openingText({ text, views }: Prompt, side: Author, join: JoinTurns): string {
  const { system = '', turns = [] } = views?.[side] ?? {};
  return [system, ...turns, text].reduce(join);
}

/** Returns the dialogue as running text, as one side reads it. */
export function textSeenBy(side: Author, { prompt, turns }: Dialogue, join: JoinTurns): string {
  const text = openingText({ ...prompt, text: runningText({ prompt, turns: [] }, join) }, side, join);
  const { turns: _, ...opened } = { ...prompt, text };
  return runningText({ prompt: opened, turns }, join);
}

/** Returns a key that is equal for two prompts exactly when they show and ask the same: the text itself where a prompt
 *  has nothing more. */
export function promptKey({
  text,
  goal,
  targetString,
  background,
  views,
}: Pick<Prompt, 'text' | 'goal' | 'targetString' | 'background' | 'views'>): string {
  if ([goal, targetString, background, views].every((part) => part === undefined)) return text;
  const parts = [text, goal ?? null, targetString ?? null, views ?? null];
  // Ids of prompts depend on their keys: a part that came later stands last, and only where it is given.
  return JSON.stringify(background === undefined ? parts : [...parts, background]);
}
