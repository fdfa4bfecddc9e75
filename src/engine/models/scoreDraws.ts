/** The log-probability with which a model would have drawn given tokens, under a sampler: temperature, what top-k, top-p
 *  and min-p cut off, penalties and bans included. `scoreCompletions` gives those of the raw model, in one pass; here every
 *  token takes a step, as in generation, since what a sampler keeps depends on all logits. */
import { cacheShapeOf } from './inferenceGraph.js';
import type { SamplingOptions } from '../runtime/device.js';
import type { LanguageModel } from './languageModel.js';
import type { Sequence } from './packSequences.js';
import { streamKey } from '../../base/random.js';
import { contextError, requireContext } from './requireContext.js';

/** The options of a sampler that say how probable a token is. */
export type DrawOptions = Omit<SamplingOptions, 'maxNewTokens' | 'stopSequences' | 'stopTexts'>;

/** log p of each completion token given all before it, under the distribution that the sampler draws from, nats; −∞ for a
 *  token that it cannot draw. One array per item, in order.
 *  @throws ConfigError for a completion without a prefix, an id outside the vocabulary, a sequence longer than the context */
export async function scoreDraws(
  model: LanguageModel,
  items: readonly Sequence[],
  options: DrawOptions,
): Promise<readonly (readonly number[])[]> {
  const rows = items.flatMap(({ prefix, completion }, index) => {
    const where = `item ${String(index)}`;
    requireContext(model, prefix, where, 0);
    if (completion.length === 0) return [];
    requireContext(model, completion, where, 0);
    if (prefix.length + completion.length > model.contextLength)
      throw contextError(model, prefix.length + completion.length, where);
    const sampling = { ...options, maxNewTokens: completion.length };
    return [{ ids: prefix, given: completion, scoreFrom: null, sampling, stream: unused }];
  });
  const results = await model.device.decode(await model.inference(), cacheShapeOf(model.architecture), rows);
  let next = 0;
  return items.map(({ completion }) => (completion.length === 0 ? [] : (results[next++]?.samplingLogProbs ?? [])));
}

const unused = streamKey(0, 'scoring draws nothing');
