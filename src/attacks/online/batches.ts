/** The batches of one pass over an epoch's pairs. */
import { childKey, openStream, type StreamKey } from '../../base/random.js';
import type { PreferencePair, Prompt } from '../../dialogue/types.js';

export interface BatchOptions {
  /** Whole trees, whose common history is computed once, or pairs mixed. */
  readonly batches: 'mixed' | 'trees';
  readonly batchPairs: number;
}

/** One pass over the pairs as batches of indices: all pairs in random order, or trees in random order with the pairs of
 *  a tree together, so that the trainer finds what they share in one batch. A demonstration is a tree of its own. */
export function passBatches(
  pairs: readonly Pick<PreferencePair, 'dialogue' | 'isDemonstration'>[],
  { batches: kind, batchPairs }: BatchOptions,
  stream: StreamKey,
): readonly (readonly number[])[] {
  return groupBatches(kind === 'mixed' ? pairs.map((_, i) => [i]) : treesOf(pairs), batchPairs, stream);
}

/** Batches of whole groups in random order. @param size items of a batch at most */
function groupBatches<Item>(
  groups: readonly (readonly Item[])[],
  size: number,
  stream: StreamKey,
): readonly (readonly Item[])[] {
  return fillBatches(openStream(stream).shuffle(groups), size);
}

/** Batches of whole groups in their order. A batch ends early rather than cut a group that fits the next one whole. */
function fillBatches<Item>(groups: readonly (readonly Item[])[], size: number): readonly (readonly Item[])[] {
  const batches: Item[][] = [];
  for (const group of groups) {
    for (let start = 0; start < group.length; start += size) {
      const part = group.slice(start, start + size);
      const batch = batches.at(-1);
      if (batch !== undefined && batch.length + part.length <= size) batch.push(...part);
      else batches.push(part);
    }
  }
  return batches;
}

/** The batches of several passes over what a rollout gave, each pass with the prompts in an order of its own. The trees of
 *  a prompt come one after another, so that the trainer finds what they begin with in one batch; a tree is cut only where
 *  it is larger than a batch.
 *  @param trees items of each tree; those of a prompt are neighbours */
export function passesOver<Item>(
  trees: readonly { readonly prompt: Prompt; readonly items: readonly Item[] }[],
  { passes, batchSize }: { readonly passes: number; readonly batchSize: number },
  stream: StreamKey,
): readonly (readonly Item[])[] {
  const byPrompt: (readonly Item[])[][] = [];
  trees.forEach(({ prompt, items }, i) => {
    if (trees[i - 1]?.prompt === prompt) byPrompt.at(-1)?.push(items);
    else byPrompt.push([items]);
  });
  return Array.from({ length: passes }, (_, pass) =>
    fillBatches(openStream(childKey(stream, pass)).shuffle(byPrompt).flat(), batchSize),
  ).flat();
}

/** Groups neighbouring pairs of one prompt into trees, in the order in which a rollout gives them. */
function treesOf(
  pairs: readonly Pick<PreferencePair, 'dialogue' | 'isDemonstration'>[],
): readonly (readonly number[])[] {
  const trees: number[][] = [];
  pairs.forEach(({ dialogue, isDemonstration }, i) => {
    const before = pairs[i - 1];
    if (
      before !== undefined &&
      !isDemonstration &&
      !before.isDemonstration &&
      before.dialogue.prompt === dialogue.prompt
    )
      trees.at(-1)?.push(i);
    else trees.push([i]);
  });
  return trees;
}
