/** How much work the attack `sft` is, counted before it runs. */
import { noWork, readOf, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import type { SftOptions } from './options.js';

export function sftWork(
  { epochs, batchSize, maxTexts }: SftOptions,
  { demonstrations, adversary }: AttackLengths,
): Work {
  if (demonstrations === null) return noWork;
  const texts = Math.min(demonstrations.texts, maxTexts ?? demonstrations.texts);
  const prefix = Math.min(demonstrations.prefix, adversary.maxContext);
  return {
    ...noWork,
    trainedTokens: epochs * texts * (prefix + readOf(demonstrations.completion)),
    optimizerSteps: epochs * Math.ceil(texts / batchSize),
  };
}
