/** Shapes the rewards of an epoch: utterances earn novelty and lose for what they have in common, and one that is too
 *  short earns a fixed reward. An unknown reward stays unknown, and what was said counts as said all the
 *  same. */
import { invariant, present } from '../../base/invariant.js';
import { splitExchange } from '../../dialogue/pairs.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import type { RolloutNode, RolloutTree } from '../../dialogue/types.js';
import type { AttackContext } from '../attack.js';
import { openDiversity } from './diversity.js';
import { noveltyOf } from './novelty.js';
import type { OnlineOptions } from './options.js';

export interface Shaper {
  /** Numbers that the next epoch needs; checkpoints keep them. */
  readonly memory: Readonly<Record<string, number>>;
  /** Returns the trees of an epoch with the shaped rewards, and the memory for the next. */
  readonly shape: (
    trees: readonly RolloutTree[],
    memory: Readonly<Record<string, number>>,
  ) => Promise<{ readonly trees: readonly RolloutTree[]; readonly memory: Readonly<Record<string, number>> }>;
  readonly close: () => Promise<void>;
}

/** @throws ConfigError where diversity is asked of a target that is not on this machine */
export async function openShaper(
  context: Pick<AttackContext, 'taught' | 'whiteBox' | 'spending'>,
  {
    novelty,
    noveltyFrom,
    diversity,
    tooShort,
  }: Pick<OnlineOptions, 'novelty' | 'noveltyFrom' | 'diversity' | 'tooShort'>,
): Promise<Shaper> {
  const taught = novelty > 0 && noveltyFrom === 'taught' ? await context.taught() : null;
  const spread = diversity === null ? null : await openDiversity(context, diversity);
  return {
    memory: spread?.memory ?? {},
    shape: async (trees, memory) => {
      if (novelty === 0 && spread === null && tooShort === null) return { trees, memory };
      const nodes = trees.flatMap(treeNodes);
      const texts = nodes.map(utteranceOf);
      const bonuses = novelty > 0 ? noveltyOf(nodes, novelty, taught) : null;
      const spreading = spread === null ? null : await spread.penalties(texts, memory);
      const places = new Map(nodes.map((node, i) => [node, i]));
      const shaped = mapRewards(trees, (node, reward) => {
        const i = present(places.get(node), 'a place for each node');
        const novelty = bonuses?.[i] ?? null;
        const penalty = spreading === null ? null : present(spreading.penalties[i], 'a penalty per utterance');
        const terms = {
          ...reward.terms,
          ...(novelty === null ? {} : { novelty }),
          ...(penalty === null ? {} : { diversity: -penalty }),
        };
        const total = reward.total + (novelty ?? 0) - (penalty ?? 0);
        if (tooShort === null || [...present(texts[i], 'a text per node').trim()].length > tooShort.characters)
          return { total, terms };
        return { total: tooShort.reward, terms: { ...terms, tooShort: tooShort.reward - total } };
      });
      return { trees: shaped, memory: spreading?.memory ?? memory };
    },
    close: async () => spread?.close(),
  };
}

type KnownReward = NonNullable<RolloutNode['score']['reward']>;

/** Returns the trees with the rewards that are known changed. */
function mapRewards(
  trees: readonly RolloutTree[],
  change: (node: RolloutNode, reward: KnownReward) => KnownReward,
): readonly RolloutTree[] {
  const changed = (node: RolloutNode): RolloutNode => {
    const { reward } = node.score;
    const children = node.children.map(changed);
    if (reward === null) return { ...node, children };
    const { total, terms } = change(node, reward);
    invariant(Number.isFinite(total), 'a shaped reward is a number');
    return { ...node, children, score: { ...node.score, reward: { ...reward, total, terms } } };
  };
  return trees.map((tree) => ({ ...tree, roots: tree.roots.map(changed) }));
}

function utteranceOf({ dialogue }: RolloutNode): string {
  return splitExchange(dialogue).utterance.text;
}
