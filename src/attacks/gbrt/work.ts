/** How much work the attack `gbrt` is, counted before it runs: as if every search took all its steps, and every evaluation
 *  saw another prompt. */
import { contextLength, searchCalls } from '../../speakers/calls.js';
import { noWork, phrasingTokens, speakerWork, verdictsPerExchange, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { addAmounts, affordableSteps, exchangeCost, scaleAmounts } from '../search/budget.js';
import { type GbrtOptions, settingsOf } from './options.js';

export function gbrtWork(options: GbrtOptions, facts: AttackLengths): Work {
  const { target, evaluated } = facts;
  const { loss, targetTexts, budget } = options;
  const { steps: wanted, draws, tokens, replyTokens, evaluateEvery } = settingsOf(options);
  const isJudged = loss === 'judge';
  const prompts = Math.min(target.prompts.test.length, evaluated ?? Infinity);
  const texts = isJudged ? 1 : targetTexts.length;
  const step = { targetGradients: draws * texts, ...(isJudged ? { judgeTexts: draws } : {}) };
  const evaluation = isJudged ? exchangeCost(1) : { targetEvaluations: texts };
  // An evaluation must be affordable behind every step.
  const steps = affordableSteps(budget, evaluation, {
    wanted,
    each: addAmounts(step, scaleAmounts(evaluation, 1 / evaluateEvery)),
  });
  const evaluations = Math.ceil(steps / evaluateEvery);
  const context = contextLength(target, 'test', tokens, prompts);
  const words = phrasingTokens(targetTexts);
  const gradients = {
    queries: prompts * steps * draws * texts,
    // The whole context is read for each token of a soft reply.
    readTokens: prompts * steps * draws * (isJudged ? replyTokens * context : texts * context + words),
  };
  if (!isJudged)
    return {
      ...noWork,
      targetTexts: { queries: prompts * evaluations * texts, readTokens: prompts * evaluations * (context + words) },
      targetGradients: gradients,
    };
  const asked = speakerWork(
    searchCalls(facts, evaluated, [{ rows: 1, contexts: 1 }]).target.map((call) => ({
      ...call,
      times: call.times * evaluations,
    })),
  );
  return {
    ...noWork,
    target: asked,
    targetGradients: gradients,
    judgeQueries: asked.queries * verdictsPerExchange + prompts * steps * draws,
  };
}
