/** Puts the tokens of a planner into a context. */
import { unreachable } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { PlannerSettings } from './plannerSettings.js';
import type { Situation } from './states.js';

interface Placing extends Pick<PlannerSettings, 'position' | 'tokens'> {
  readonly bosId: number | null;
  readonly vocabularySize: number;
}

/** Returns what placing a planner's tokens in contexts of its model depends on. */
export function placingOf(
  { position, tokens }: Pick<PlannerSettings, 'position' | 'tokens'>,
  { vocabularySize, tokenizer }: Pick<LanguageModel, 'vocabularySize' | 'tokenizer'>,
): Placing {
  return { position, tokens, vocabularySize, bosId: tokenizer.bosId };
}

/** Returns the context with the soft ids of row `row` of a batch: its first is V + tokens · row. */
export function placeTokens(situation: Situation, row: number, placing: Placing): readonly number[] {
  const at = placeOf(situation, placing);
  const { tokens, vocabularySize } = placing;
  const soft = Array.from({ length: tokens }, (_, i) => vocabularySize + tokens * row + i);
  return [...situation.ids.slice(0, at), ...soft, ...situation.ids.slice(at)];
}

function placeOf({ ids, lastUtterance }: Situation, { position, bosId }: Placing): number {
  switch (position) {
    case 'prefix':
      return bosId !== null && ids[0] === bosId ? 1 : 0;
    case 'infix':
      return lastUtterance ?? ids.length;
    case 'suffix':
      return ids.length;
    default:
      return unreachable(position);
  }
}
