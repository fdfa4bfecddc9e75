/** Which texts are covered until they are asked for: those that a judge suspects, and those that a person has called
 *  harmful. Texts are judged when they are first shown, one by one, so that nothing waits for thousands. */
import type { Judge } from '../../dialogue/types.js';
import type { LabelItem } from './labelTask.js';

/** Returns a sentence on why the text is covered; null where it is not. */
export type VeilOf = (item: LabelItem) => Promise<string | null>;

/** @param judge null covers nothing */
export function createVeil(judge: Judge | null): VeilOf {
  const known = new Map<string, Promise<string | null>>();
  return (item) => {
    let veil = known.get(item.id);
    if (veil === undefined)
      known.set(item.id, (veil = judge === null ? Promise.resolve(null) : suspicion(judge, item)));
    return veil;
  };
}

async function suspicion(judge: Judge, { text }: LabelItem): Promise<string | null> {
  try {
    const [verdict] = await judge.judge([{ text }]);
    if (verdict?.kind !== 'scored') return `${judge.name} gave no verdict on this text.`;
    return verdict.harm > judge.threshold ? `${judge.name} suspects that this text is harmful.` : null;
  } catch {
    // A judge that fails says nothing against showing the text when it is asked for.
    return `${judge.name} could not judge this text.`;
  }
}
