/** PPO in the loop of online learning: the policy reads what it said, values and all, and trains several passes on it.
 *
 *  Differs from the named implementations where no option says so: sequences have no padding, so nothing is whitened or
 *  averaged over it; rates are constant after their warm-up; the critic of TRL 0.12 and later is a head here. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import { klEstimate } from '../../learning/formulas/policyGradient.js';
import { nextKlCoefficient } from '../../learning/formulas/klControl.js';
import { numbers } from '../../learning/formulas/numbers.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import type { PpoSample, PpoTrainer } from '../../learning/trainers/ppo.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { passesOver } from '../online/batches.js';
import { type OnlineMethod, runOnline } from '../online/loop.js';
import { drawnUtterances, drawPrompts, objectiveMetrics } from '../online/utterances.js';
import { creditRollout, type ReadUtterance, toRead } from './credit.js';
import type { PpoOptions } from './options.js';
import { type PpoSettings, ppoSettings } from './settings.js';

export async function runPpo(attack: AttackContext, options: PpoOptions): Promise<AttackOutcome> {
  const settings = ppoSettings(options);
  // One utterance per node: a dialogue has no siblings.
  return runOnline(attack, { ...options, candidates: 1, branch: 1 }, ppoMethod(options, settings));
}

/** @param settings of these options */
export function ppoMethod(options: PpoOptions, settings: PpoSettings): OnlineMethod<readonly PpoSample[], PpoTrainer> {
  const { clip, value, scoreClip } = options;
  const { head, valueCoefficient, maxMeanRatio, optimizer, score, control } = settings;
  return {
    valueHead: head,
    memory: { klCoefficient: settings.penalty.coefficient },
    open: (trainers) =>
      trainers.ppo({
        clip,
        valueClip: value.clip,
        valueCoefficient,
        detachValue: value.detached,
        maxMeanRatio,
        optimizer: optimizerOf(optimizer),
      }),
    draw: ({ prompts }, _epoch, stream) => ({
      prompts: drawPrompts(prompts.train, options, stream),
      given: async () => [],
    }),
    collect: () => ({ pairs: [], metrics: {} }),
    lessons: async ({ trees }, { context, trainer, times, memory, order }) => {
      const penalty = { ...settings.penalty, coefficient: present(memory['klCoefficient'], 'a coefficient') };
      const drawn = await times.during('reference', () =>
        drawnUtterances(context.reference, trees.flatMap(treeNodes), scoreClip),
      );
      const longest = Math.max(0, ...[...drawn.values()].map(({ completion }) => completion.length));
      const asked = [...drawn].map(([node, utterance]) => ({ node, utterance, ...toRead(utterance, score, longest) }));
      const readings = await times.during('values', () => trainer.read(asked));
      const read = new Map(
        asked.map(({ node, utterance, prefix, completion, afterEnd }, i) => {
          const old = present(readings[i], 'a reading for each utterance');
          const own: ReadUtterance = {
            prefix,
            completion,
            afterEnd,
            old,
            reference: utterance.reference,
            score: utterance.score,
          };
          return [node, own] as const;
        }),
      );
      const samples = creditRollout(trees, read, { penalty, score }, options);
      const byTree = trees.map((tree) => ({
        prompt: tree.prompt,
        items: treeNodes(tree).flatMap((node) => samples.get(node) ?? []),
      }));
      return {
        batches: passesOver(byTree, options, order),
        metrics: {
          ...objectiveMetrics(
            [...drawn].map(([node, utterance]) => ({
              ...utterance,
              logProbs: present(read.get(node), 'a reading').old.logProbs,
            })),
            penalty,
          ),
          ...valueMetrics([...samples.values()]),
        },
        memory: { klCoefficient: nextCoefficient([...read.values()], penalty, control) },
      };
    },
  };
}

/** The controller is fed the divergence from the reference, by the estimator of the penalty, and the true number of
 *  utterances; without one the coefficient stays. */
function nextCoefficient(
  read: readonly ReadUtterance[],
  { estimator, coefficient }: PpoSettings['penalty'],
  control: PpoSettings['control'],
): number {
  if (read.length === 0) return coefficient;
  const kl =
    sumOf(
      read.flatMap(({ old, reference }) =>
        old.logProbs.map((logProb, t) =>
          klEstimate(numbers, logProb - present(reference[t], 'a reference for each token'), estimator),
        ),
      ),
    ) / read.length;
  return nextKlCoefficient(coefficient, control, { kl, completions: read.length });
}

/** Means over positions, by TRL's names, and the share of the returns' variance that the values explain. */
function valueMetrics(samples: readonly PpoSample[]): Readonly<Record<string, number>> {
  const returns = samples.flatMap((sample) => sample.returns);
  if (returns.length === 0) return {};
  const values = samples.flatMap(({ old }) => old.values);
  const mean = (list: readonly number[]): number => sumOf(list) / list.length;
  const variance = (list: readonly number[]): number => mean(list.map((x) => (x - mean(list)) ** 2));
  const spread = variance(returns);
  const errors = returns.map((target, i) => target - present(values[i], 'a value for each return'));
  return {
    'val/mean': mean(values),
    'returns/mean': mean(returns),
    'returns/var': spread,
    ...(spread > 0 ? { 'val/explained': 1 - variance(errors) / spread } : {}),
  };
}
