/** How much work the attack `sft` is, counted before it runs. */
import { noWork, readOf, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import type { SftOptions } from './options.js';

export function sftWork({ epochs, batchSize, maxTexts }: SftOptions, { teaching, adversary }: AttackLengths): Work {
  if (teaching === null) return noWork;
  const texts = Math.min(teaching.texts, maxTexts ?? teaching.texts);
  const prefix = Math.min(teaching.prefix, adversary.maxContext);
  return {
    ...noWork,
    trainedTokens: epochs * texts * (prefix + readOf(teaching.completion)),
    optimizerSteps: epochs * Math.ceil(texts / batchSize),
  };
}
