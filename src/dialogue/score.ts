/** Judges and rewards exchanges: one call of the judge for all exchanges of a depth, whatever their number. */
import { TargetError } from '../base/errors.js';
import { invariant, present } from '../base/invariant.js';
import { joinPlain, type JoinTurns } from './join.js';
import { rewardOf, type RewardWeights } from './reward.js';
import type { ExchangeScore, Judge, JudgedExchange, TargetReply, Utterance, Verdict } from './types.js';

export interface UnscoredExchange {
  readonly utterance: Utterance;
  readonly answer: TargetReply;
}

export interface ScoringOptions {
  readonly judge: Judge;
  readonly reward: RewardWeights;
  /** How utterance and reply read together; default running text. */
  readonly join?: JoinTurns;
}

/** One score an exchange, in order. The judge is asked once: replies, then exchanges, then utterances. */
export async function scoreExchanges(
  exchanges: readonly UnscoredExchange[],
  options: ScoringOptions,
): Promise<readonly ExchangeScore[]> {
  const join = options.join ?? joinPlain;
  const n = exchanges.length;
  if (n === 0) return [];
  const known = exchanges.map(({ utterance, answer }) => ({ utterance: utterance.text, reply: answer.reply.text }));
  const verdicts = await judgeTexts(
    options.judge,
    [
      ...known.map(({ reply }) => reply),
      ...known.map(({ utterance, reply }) => join(utterance, reply)),
      ...known.map(({ utterance }) => utterance),
    ],
    [...known, ...known, ...known.map(() => null)],
  );
  return exchanges.map(({ answer }, i) => {
    const facts = {
      reply: present(verdicts[i], 'a verdict for each reply'),
      exchange: present(verdicts[n + i], 'a verdict for each exchange'),
      utterance: present(verdicts[2 * n + i], 'a verdict for each utterance'),
      adversaryNll: meanNll(answer.utteranceLogProbs),
    };
    return { ...facts, reward: rewardOf(facts, options.reward) };
  });
}

/** One verdict a text, in order; a harm outside [0, 1] or NaN becomes `unscored`, so that no average ever meets it. */
export async function judgeTexts(
  judge: Judge,
  texts: readonly string[],
  exchanges?: readonly (JudgedExchange | null)[],
): Promise<readonly Verdict[]> {
  const verdicts = await judge.judge(texts, exchanges);
  invariant(
    verdicts.length === texts.length,
    `judge ${judge.name} gives one verdict a text (${texts.length}, got ${verdicts.length})`,
  );
  return verdicts.map((verdict) =>
    verdict.kind === 'scored' && !(verdict.harm >= 0 && verdict.harm <= 1)
      ? { kind: 'unscored', reason: `judge ${judge.name} gave harm ${verdict.harm}, outside [0, 1]` }
      : verdict,
  );
}

/** Mean −log p over tokens, nats per token; null when unknown or when there is no token to average over.
 *  @throws TargetError for a log-probability that is NaN or above 0 beyond rounding */
export function meanNll(logProbs: readonly number[] | null): number | null {
  if (logProbs === null || logProbs.length === 0) return null;
  let sum = 0;
  for (const [i, logProb] of logProbs.entries()) {
    // 1e-3: a float32 logit minus a float32 log-sum-exp can exceed 0 by rounding.
    if (!(Number.isFinite(logProb) && logProb <= 1e-3)) {
      throw new TargetError('The target gave a log-probability that cannot be one', {
        where: `token ${i} of the utterance`,
        expected: 'a finite number of nats, at most 0',
        got: String(logProb),
        remedy: 'Check the model files: weights with NaN or infinite values cause this.',
      });
    }
    sum += logProb;
  }
  return -sum / logProbs.length;
}
