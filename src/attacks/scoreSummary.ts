/** Means over exchanges, as they are logged while an attack runs. What is unscored is left out of a mean and counted.
 *  The reply alone is always reported beside utterance and exchange, since a reward on both would also pay for harmful
 *  probes. */
import type { ExchangeScore, Verdict } from '../dialogue/types.js';

/** @param prefix put before every name, such as 'rollout/'
 *  @returns a mean is absent when nothing could be averaged */
export function summariseScores(scores: readonly ExchangeScore[], prefix: string): Readonly<Record<string, number>> {
  const out: Record<string, number> = {};
  const put = (name: string, values: readonly (number | null)[]): void => {
    const known = values.filter((value) => value !== null);
    if (known.length > 0) out[prefix + name] = known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  put(
    'replyHarm',
    scores.map(({ reply }) => harm(reply)),
  );
  put(
    'replyFailureRate',
    scores.map(({ reply }) => (reply.kind === 'scored' ? Number(reply.failed) : null)),
  );
  put(
    'exchangeHarm',
    scores.map(({ exchange }) => harm(exchange)),
  );
  put(
    'adversaryHarm',
    scores.map(({ utterance }) => harm(utterance)),
  );
  put(
    'adversaryNll',
    scores.map(({ adversaryNll }) => adversaryNll),
  );
  put(
    'targetTextNll',
    scores.map(({ targetTextNll = null }) => targetTextNll),
  );
  put(
    'reward',
    scores.map(({ reward }) => reward?.total ?? null),
  );
  out[`${prefix}exchanges`] = scores.length;
  out[`${prefix}unscored`] = scores.filter(({ reply }) => reply.kind === 'unscored' && reply.notDue !== true).length;
  return out;
}

function harm(verdict: Verdict): number | null {
  return verdict.kind === 'scored' ? verdict.harm : null;
}
