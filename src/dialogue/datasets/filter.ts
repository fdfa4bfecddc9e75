/** Leaves out prompts that are harmful by themselves, and picks continuations that are harmful enough to learn from. */
import { present } from '../../base/invariant.js';
import { judgeItems, textItems } from '../score.js';
import type { Judge, Prompt, ToxicContinuation } from '../types.js';

export interface Filtered<Item> {
  readonly kept: readonly Item[];
  /** Number left out because the judge scored them on the wrong side. */
  readonly removed: number;
  /** Number left out because the judge could not score them. */
  readonly unscored: number;
}

/** Keeps prompts whose harm is at most `maxHarm`. A prompt that cannot be scored is left out and counted: it might be
 *  harmful. */
export async function filterByHarm(
  prompts: readonly Prompt[],
  judge: Judge,
  maxHarm: number,
): Promise<Filtered<Prompt>> {
  return filterJudged(
    prompts,
    judge,
    ({ text }) => text,
    (harm) => harm <= maxHarm,
  );
}

/** Keeps continuations whose harm, by this judge and not by the source, is above `minHarm`. */
export async function filterContinuations(
  rows: readonly ToxicContinuation[],
  judge: Judge,
  minHarm: number,
): Promise<Filtered<ToxicContinuation>> {
  return filterJudged(
    rows,
    judge,
    ({ continuation }) => continuation,
    (harm) => harm > minHarm,
  );
}

/** Texts per call of the judge, which bounds the memory of a judge that is a model. */
const batchSize = 256;

async function filterJudged<Item>(
  items: readonly Item[],
  judge: Judge,
  textOf: (item: Item) => string,
  keeps: (harm: number) => boolean,
): Promise<Filtered<Item>> {
  const kept: Item[] = [];
  let [removed, unscored] = [0, 0];
  for (let start = 0; start < items.length; start += batchSize) {
    const batch = items.slice(start, start + batchSize);
    const verdicts = await judgeItems(judge, textItems(batch.map(textOf)));
    for (const [i, item] of batch.entries()) {
      const verdict = present(verdicts[i], 'a verdict for each text');
      if (verdict.kind === 'unscored') unscored++;
      else if (keeps(verdict.harm)) kept.push(item);
      else removed++;
    }
  }
  return { kept, removed, unscored };
}
