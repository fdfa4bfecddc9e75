/** RLOO in the loop of online learning: the siblings of a node are the draws of one prompt, and the mean reward of the
 *  others is the baseline of each. KL to the reference is part of the reward.
 *
 *  Differs from trl 1.16: the reward is of the exchange alone where a dialogue goes on, as in ipo and ctb; utterances
 *  that are unscored, or without a scored sibling, are left out of the mean over a batch, where TRL counts them as zero. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import { klPenalties, type KlPenalty, leaveOneOut } from '../../learning/formulas/advantages.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import type { RlooSample, RlooTrainer } from '../../learning/trainers/rloo.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import type { RolloutNode } from '../../dialogue/types.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { passesOver } from '../online/batches.js';
import { type OnlineMethod, runOnline } from '../online/loop.js';
import { type DrawnUtterance, drawnUtterances, drawPrompts, families, objectiveMetrics } from '../online/utterances.js';
import type { RlooOptions } from './options.js';

export async function runRloo(attack: AttackContext, options: RlooOptions): Promise<AttackOutcome> {
  const { clip, klCoefficient, scoreClip } = options;
  const penalty: KlPenalty = { estimator: 'k1', coefficient: klCoefficient };
  const method: OnlineMethod<readonly RlooSample[], RlooTrainer> = {
    memory: {},
    open: (trainers) => trainers.rloo({ clip, optimizer: optimizerOf(options) }),
    draw: ({ prompts }, _epoch, stream) => ({
      prompts: drawPrompts(prompts.train, options, stream),
      given: async () => [],
    }),
    collect: () => ({ pairs: [], metrics: {} }),
    lessons: async ({ trees }, { context, times, order }) => {
      const drawn = await times.during('reference', () =>
        drawnUtterances(context.reference, trees.flatMap(treeNodes), scoreClip),
      );
      const samples = withAdvantages(families(trees), drawn, penalty, options);
      const byTree = trees.map((tree) => ({
        prompt: tree.prompt,
        items: treeNodes(tree).flatMap((node) => samples.get(node) ?? []),
      }));
      return {
        batches: passesOver(byTree, options, order),
        metrics: objectiveMetrics([...drawn.values()], penalty),
        memory: {},
      };
    },
  };
  return runOnline(attack, options, method);
}

/** Returns the samples of the utterances that have a scored sibling, by node.
 *  @param groups siblings */
export function withAdvantages(
  groups: readonly (readonly RolloutNode[])[],
  drawn: ReadonlyMap<RolloutNode, DrawnUtterance>,
  penalty: KlPenalty,
  { normalise }: Pick<RlooOptions, 'normalise'>,
): ReadonlyMap<RolloutNode, RlooSample> {
  const compared = groups.map((group) => group.filter((node) => drawn.has(node))).filter((group) => group.length >= 2);
  const rewards = compared.map((group) =>
    group.map((node) => {
      const { logProbs, reference, score } = present(drawn.get(node), 'an utterance of each node');
      return score + sumOf(klPenalties(logProbs, reference, penalty));
    }),
  );
  const advantages = leaveOneOut(rewards, { normalise });
  return new Map(
    compared.flatMap((group, g) =>
      group.map((node, i) => {
        const { prefix, completion, logProbs } = present(drawn.get(node), 'an utterance of each node');
        const advantage = present(advantages[g]?.[i], 'an advantage for each sibling');
        return [node, { prefix, completion, oldLogProbs: logProbs, advantage }] as const;
      }),
    ),
  );
}
