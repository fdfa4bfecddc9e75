/** Mean reward on prompts that training never sees: what decides which weights are kept. It is shaped as rewards are in
 *  training, so that weights which say one sentence that works are not kept for it where novelty is paid. */
import type { StreamKey } from '../base/random.js';
import type { RolloutCast } from '../dialogue/rollout/exchange.js';
import type { PlayJobs } from '../dialogue/rollout/jobs.js';
import type { ExchangeScore, Prompt, ScoredDialogue } from '../dialogue/types.js';
import { summariseScores } from './scoreSummary.js';

export interface DevScore {
  /** Mean over all rewarded exchanges; null when none could be rewarded. */
  readonly reward: number | null;
  /** By name, prefixed 'dev/'. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Unpaired dialogues, with the same draws every time, so that two states of an adversary are compared on equal luck.
 */
export async function evaluateOnDev(
  playJobs: PlayJobs,
  cast: RolloutCast,
  options: { readonly prompts: readonly Prompt[]; readonly turns: number; readonly stream: StreamKey },
  shape: (dialogues: readonly ScoredDialogue[]) => Promise<readonly ExchangeScore[]>,
): Promise<DevScore> {
  const dialogues = (await playJobs([{ kind: 'linear', ...options }], cast)).flat();
  const scores = await shape(dialogues);
  const metrics = summariseScores(scores, 'dev/');
  return { reward: metrics['dev/reward'] ?? null, metrics };
}
