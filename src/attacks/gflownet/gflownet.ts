/** GFlowNet fine-tuning (Learning diverse attacks, arXiv 2405.18540): an adversary learns to say each utterance in proportion
 *  to its reward, by trajectory balance with a learnt log Z and a replay buffer. `ctb` seeks the same without either. */
import { defineAttack } from '../define.js';
import { branchRules, onlineAttack, onlineTraits } from '../online/traits.js';
import { onlineWork } from '../online/work.js';
import { gflownetSchema } from './options.js';

export const gflownet = defineAttack({
  ...onlineAttack,
  trainsValueHead: true,
  summary:
    'trains a language-model adversary to draw in proportion to reward, by trajectory balance and replay (GFlowNet)',
  schema: gflownetSchema,
  traits: (options) => ({ ...onlineTraits(options), broken: branchRules(options) }),
  work: ({ batchSize, replay, passes, ...options }, facts) =>
    onlineWork(
      {
        ...options,
        passes: passes / (1 - replay.share),
        batches: 'trees',
        batchPairs: batchSize,
        pairing: 'none',
        demonstrated: null,
      },
      facts,
    ),
  run: async (context, options) => (await import('./loop.js')).runGflownet(context, options),
});
