/** Shapes the rewards of exchanges that belong together, an epoch's or a dev evaluation's: utterances earn novelty, among
 *  themselves or against earlier epochs, and lose for what they have in common; one that is too short earns a fixed reward. An unknown reward stays unknown, and
 *  what was said counts as said all the same. */
import { invariant, present } from '../../base/invariant.js';
import { sumOf } from '../../base/sums.js';
import { splitExchange } from '../../dialogue/pairs.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import type { ExchangeScore, RolloutNode, RolloutTree, ScoredDialogue, Utterance } from '../../dialogue/types.js';
import type { AttackContext } from '../attack.js';
import { type CuriousText, openCuriosity } from './curiosity.js';
import { openDiversity } from './diversity.js';
import type { Kept } from './kept.js';
import { noveltyOf, type Said } from './novelty.js';
import type { OnlineOptions } from './options.js';

type Memory = Readonly<Record<string, number>>;

/** The part of an exchange that shaping reads. */
type Shaped = Said & CuriousText;

export interface Shaper {
  /** Numbers that the next epoch needs; checkpoints keep them. */
  readonly memory: Memory;
  /** Returns the shaped rewards of all exchanges of an epoch, in order, and the memory for the next. */
  readonly shape: (
    said: readonly Shaped[],
    memory: Memory,
  ) => Promise<{ readonly rewards: readonly ExchangeScore['reward'][]; readonly memory: Memory }>;
  /** Called with an epoch of training once its rewards are shaped. */
  readonly remember: (said: readonly Shaped[]) => void;
  /** The texts that were said before; null where nothing reads them. */
  readonly kept: Kept | null;
  readonly close: () => Promise<void>;
}

/** @throws ConfigError where diversity is asked of a target that is not on this machine */
export async function openShaper(
  context: Pick<AttackContext, 'taught' | 'whiteBox' | 'embedder' | 'spending'>,
  {
    novelty,
    noveltyFrom,
    diversity,
    curiosity,
    tooShort,
  }: Pick<OnlineOptions, 'novelty' | 'noveltyFrom' | 'diversity' | 'curiosity' | 'tooShort'>,
): Promise<Shaper> {
  const taught = novelty > 0 && noveltyFrom === 'taught' ? await context.taught() : null;
  const spread = diversity === null ? null : await openDiversity(context, diversity);
  const curious = curiosity === null ? null : await openCuriosity(context, curiosity);
  return {
    memory: spread?.memory ?? {},
    shape: async (said, memory) => {
      const texts = said.map(({ utterance }) => utterance);
      const bonuses = novelty > 0 ? noveltyOf(said, novelty, taught) : null;
      const spreading = spread === null ? null : await spread.penalties(texts, memory);
      const wonder = (await curious?.terms(said)) ?? null;
      const rewards = said.map(({ utterance, score: { reward } }, i) => {
        if (reward === null) return null;
        const bonus = bonuses?.[i] ?? null;
        const penalty = spreading === null ? null : present(spreading.penalties[i], 'a penalty per utterance');
        const own = wonder === null ? {} : present(wonder[i], 'terms per utterance');
        const terms = {
          ...reward.terms,
          ...(bonus === null ? {} : { novelty: bonus }),
          ...(penalty === null ? {} : { diversity: -penalty }),
          ...own,
        };
        const total = reward.total + (bonus ?? 0) - (penalty ?? 0) + sumOf(Object.values(own));
        invariant(Number.isFinite(total), 'a shaped reward is a number');
        if (tooShort === null || [...utterance.trim()].length > tooShort.characters) return { total, terms };
        return { total: tooShort.reward, terms: { ...terms, tooShort: tooShort.reward - total } };
      });
      return { rewards, memory: spreading?.memory ?? memory };
    },
    remember: (said) => curious?.remember(said),
    kept: curious,
    close: async () => {
      await spread?.close();
      await curious?.close();
    },
  };
}

/** Returns the trees of an epoch with the shaped rewards, and the memory for the next. */
export async function shapeTrees(
  { shape, remember }: Pick<Shaper, 'shape' | 'remember'>,
  trees: readonly RolloutTree[],
  before: Memory,
): Promise<{ readonly trees: readonly RolloutTree[]; readonly memory: Memory }> {
  const nodes = trees.flatMap(treeNodes);
  const said = nodes.map(({ dialogue, score }) => toShape(splitExchange(dialogue).utterance, score));
  const { rewards, memory } = await shape(said, before);
  remember(said);
  const places = new Map(nodes.map((node, i) => [node, i]));
  const changed = (node: RolloutNode): RolloutNode => ({
    ...node,
    children: node.children.map(changed),
    score: { ...node.score, reward: rewards[present(places.get(node), 'a place for each node')] ?? null },
  });
  return { trees: trees.map((tree) => ({ ...tree, roots: tree.roots.map(changed) })), memory };
}

function toShape({ text, tokens }: Utterance, score: ExchangeScore): Shaped & { readonly score: ExchangeScore } {
  const logProbs = tokens?.logProbs ?? null;
  const surprise = logProbs === null || logProbs.length === 0 ? null : -sumOf(logProbs) / logProbs.length;
  return { utterance: text, surprise, score };
}

/** Returns the scores of all exchanges of dialogues with the shaped rewards. */
export async function shapeDialogues(
  { shape }: Pick<Shaper, 'shape'>,
  dialogues: readonly ScoredDialogue[],
  memory: Memory,
): Promise<readonly ExchangeScore[]> {
  const exchanges = dialogues.flatMap(({ dialogue: { turns }, scores }) =>
    scores.map((score, i) => toShape(present(turns[2 * i], 'an utterance per score'), score)),
  );
  const { rewards } = await shape(exchanges, memory);
  return exchanges.map(({ score }, i) => ({ ...score, reward: rewards[i] ?? null }));
}
