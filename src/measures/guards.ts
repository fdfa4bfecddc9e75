/** Measures what mending must not cost: the likelihood of ordinary replies. Multiple choice, the other guard, is
 *  choices.ts. */
import { invariant, present } from '../base/invariant.js';
import { meanNll } from '../dialogue/score.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { Sequence } from '../engine/models/packSequences.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { isAlike } from '../stats/smallSamples.js';
import { bootstrapInterval, type BootstrapOptions, createBootstrap, type Summary } from '../stats/bootstrap.js';
import type { Metrics } from '../report/report.js';
import { reported } from './reported.js';

/** Mean −log p of each completion's tokens given its prefix, nats per token, in order; null for an empty completion.
 *  @throws ConfigError for a completion without a prefix, an id outside the vocabulary, a sequence longer than the
 *    context */
export async function ordinaryNll(
  model: LanguageModel,
  examples: readonly Sequence[],
): Promise<readonly (number | null)[]> {
  return (await scoreCompletions(model, examples)).map((logProbs) => meanNll([...logProbs]));
}

type ByPrompt = readonly (readonly (number | null)[])[];

/** Summarises `ordinaryNll`: every reply counts the same, however long.
 *  @param byPrompt the values of a prompt's replies, one list per prompt */
export function summariseOrdinaryNll(byPrompt: ByPrompt, bootstrap: BootstrapOptions): Metrics {
  return reported({ ordinaryNll: createBootstrap(bootstrap).summarise(byPrompt, 'nats/token') });
}

/** `ordinaryNll`: after minus before, nats per token; `ordinaryNllChange`: the same as a share of the mean before, 0.1
 *  for a tenth more. Both sides of a prompt are drawn together, so that the share's interval is that of the ratio of
 *  means.
 *  @param after of the same replies in the same order as `before` */
export function compareOrdinaryNll(after: ByPrompt, before: ByPrompt, bootstrap: BootstrapOptions): Metrics {
  return reported({
    ordinaryNll: createBootstrap(bootstrap).compare(after, before, 'nats/token'),
    ordinaryNllChange: relativeChange(after, before, bootstrap),
  });
}

/** (mean after − mean before) / mean before, over prompts with values on both sides. */
function relativeChange(after: ByPrompt, before: ByPrompt, bootstrap: BootstrapOptions): Summary {
  invariant(after.length === before.length, 'a comparison has the same prompts on both sides');
  const totals = after
    .map((values, i) => ({ after: totalOf(values), before: totalOf(present(before[i], 'values of each prompt')) }))
    .filter((side) => side.after.count > 0 && side.before.count > 0);
  const n = totals.length;
  const ratio = (counts: ArrayLike<number>): number | null => {
    let [sumA, nA, sumB, nB] = [0, 0, 0, 0];
    for (const [i, side] of totals.entries()) {
      const times = counts[i] ?? 0;
      sumA += times * side.after.sum;
      nA += times * side.after.count;
      sumB += times * side.before.sum;
      nB += times * side.before.count;
    }
    return nA === 0 || nB === 0 || sumB === 0 ? null : sumA / nA / (sumB / nB) - 1;
  };
  const mean = ratio(totals.map(() => 1));
  const found = n === 0 ? null : bootstrapInterval(n, ratio, bootstrap);
  const interval = found === null || isAlike(found.low, found.high) ? null : found;
  return { mean, low: interval?.low ?? null, high: interval?.high ?? null, min: null, max: null, n, unit: 'share' };
}

function totalOf(values: readonly (number | null)[]): { readonly sum: number; readonly count: number } {
  const known = values.filter((value) => value !== null);
  return { sum: known.reduce((sum, value) => sum + value, 0), count: known.length };
}
