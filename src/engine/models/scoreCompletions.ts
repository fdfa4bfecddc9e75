/** Log-probabilities of given completions under the raw model: no gradient, the reading pass of generation, where
 *  completions of one prompt share its tokens. */
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { plainSampling, type HostTensor } from '../runtime/device.js';
import { cacheShapeOf } from './inferenceGraph.js';
import type { LanguageModel } from './languageModel.js';
import type { Sequence } from './packSequences.js';
import { contextError, countSoftRows, requireContext } from './requireContext.js';

export interface ScoringOptions {
  /** Rows of soft tokens, as in `generate`: prefixes may hold them, completions may not. */
  readonly soft?: HostTensor | undefined;
}

/** log p of each completion token given all before it, nats, temperature 1; one array an item, in order.
 *  @throws ConfigError for a completion without a prefix, an id outside the vocabulary, a soft token in a completion, a
 *    sequence longer than the context */
export async function scoreCompletions(
  model: LanguageModel,
  items: readonly Sequence[],
  { soft }: ScoringOptions = {},
): Promise<readonly Float32Array[]> {
  const softRows = countSoftRows(model.architecture.config, soft);
  const rows = items.map(({ prefix, completion }, index) => {
    const where = `item ${String(index)}`;
    requireContext(model, prefix, where, softRows);
    if (completion.length > 0) requireContext(model, completion, where, softRows);
    if (prefix.length + completion.length > model.contextLength)
      throw contextError(model, prefix.length + completion.length, where);
    return { ids: [...prefix, ...completion], scoreFrom: prefix.length, sampling: readOnly, stream: unused };
  });
  const program = await model.inference({ soft: softRows > 0 });
  const results = await model.device.decode(program, cacheShapeOf(model.architecture), rows, { soft });
  return results.map(({ scored }) => Float32Array.from(present(scored, 'rows ask to be scored')));
}

const readOnly = { ...plainSampling, maxNewTokens: 0 };
const unused = streamKey(0, 'scoring draws nothing');
