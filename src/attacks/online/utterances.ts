/** Utterances of a rollout as a policy-gradient attack learns from them: their ids, their reward, and their
 *  log-probabilities under the policy and the frozen reference. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import { openStream, type StreamKey } from '../../base/random.js';
import { splitExchange } from '../../dialogue/pairs.js';
import type { Prompt, RolloutNode, RolloutTree } from '../../dialogue/types.js';
import { klPenalties, type KlPenalty } from '../../learning/formulas/advantages.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import type { Reference } from '../reference.js';

export interface DrawnUtterance {
  /** The ids that sampling conditioned on, and the ids drawn, at least one. */
  readonly prefix: readonly number[];
  readonly completion: readonly number[];
  /** log π of each id under the weights that drew it, nats. */
  readonly logProbs: readonly number[];
  /** log π_ref of each id, nats. */
  readonly reference: readonly number[];
  /** The reward of its exchange, clipped. */
  readonly score: number;
}

/** Returns the utterances that earned a reward, by node. Others teach nothing: a judge or a likelihood was missing.
 *  @param scoreClip rewards are cut to ± this; null = never */
export async function drawnUtterances(
  reference: Pick<Reference, 'logProbs'>,
  nodes: readonly RolloutNode[],
  scoreClip: number | null,
): Promise<ReadonlyMap<RolloutNode, DrawnUtterance>> {
  const drawn = nodes.flatMap((node) => {
    const { utterance } = splitExchange(node.dialogue);
    const tokens = present(utterance.tokens, 'a local adversary’s utterance has ids');
    if (node.score.reward === null || tokens.ids.length === 0) return [];
    const { total } = node.score.reward;
    const score = scoreClip === null ? total : Math.min(scoreClip, Math.max(-scoreClip, total));
    const prefix = present(
      utterance.contextIds,
      'a local adversary’s utterance has the ids that it was conditioned on',
    );
    const logProbs = present(tokens.logProbs, 'what a model drew has log-probabilities');
    return [{ node, utterance, score, prefix, completion: tokens.ids, logProbs }];
  });
  const scored = await reference.logProbs(drawn);
  return new Map(
    drawn.map(({ node, prefix, completion, logProbs, score }, i) => [
      node,
      { prefix, completion, logProbs, score, reference: present(scored[i], 'log-probabilities for each query') },
    ]),
  );
}

/** Returns every family of siblings of the trees, parents before children. */
export function families(trees: readonly RolloutTree[]): readonly (readonly RolloutNode[])[] {
  const below = (siblings: readonly RolloutNode[]): (readonly RolloutNode[])[] =>
    siblings.length === 0 ? [] : [siblings, ...siblings.flatMap(({ children }) => below(children))];
  return trees.flatMap(({ roots }) => below(roots));
}

/** Draws the prompts of an epoch, each for a number of dialogues. */
export function drawPrompts(
  prompts: readonly Prompt[],
  {
    promptsPerEpoch,
    dialoguesPerPrompt = 1,
  }: { readonly promptsPerEpoch: number; readonly dialoguesPerPrompt?: number },
  stream: StreamKey,
): readonly Prompt[] {
  return openStream(stream)
    .shuffle(prompts)
    .slice(0, promptsPerEpoch)
    .flatMap((prompt) => Array.from({ length: dialoguesPerPrompt }, () => prompt));
}

/** Logs by TRL's names, means over utterances: objective/kl (Σ log π − log π_ref: k1, nats an utterance), objective/entropy
 *  (−Σ log π, of what was drawn), objective/scores, objective/non_score_reward (what the penalty takes),
 *  objective/rlhf_reward (both together), objective/kl_coef; utterances/taught counts them. */
export function objectiveMetrics(
  utterances: readonly DrawnUtterance[],
  penalty: KlPenalty,
): Readonly<Record<string, number>> {
  const means = meanByName(
    utterances.map(({ logProbs, reference, score }) => {
      const taken = sumOf(klPenalties(logProbs, reference, penalty));
      return {
        kl: sumOf(logProbs) - sumOf(reference),
        entropy: -sumOf(logProbs),
        scores: score,
        non_score_reward: taken,
        rlhf_reward: score + taken,
      };
    }),
    'objective/',
  );
  return { ...means, 'objective/kl_coef': penalty.coefficient, 'utterances/taught': utterances.length };
}
