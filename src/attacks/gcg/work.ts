/** How much work the attack `gcg` is, counted before it runs: as if every search took all its steps. */
import { contextLength, searchCalls } from '../../speakers/calls.js';
import { noWork, phrasingTokens, speakerWork, verdictsPerExchange, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { affordableSteps } from '../search/budget.js';
import { type GcgOptions, settingsOf } from './options.js';

export function gcgWork(options: GcgOptions, facts: AttackLengths): Work {
  const { target, evaluated } = facts;
  const { targetTexts, also, suffixes, sharedBy, budget } = options;
  const { start, steps: wanted, width, checkEvery } = settingsOf(options);
  const set = suffixes === 'shared' ? 'train' : 'test';
  const prompts = Math.min(target.prompts[set].length, (suffixes === 'shared' ? sharedBy : evaluated) ?? Infinity);
  // A further model reads as much as the target.
  const texts = targetTexts.length * (1 + also.length);
  const stepCost = { targetEvaluations: width * texts, targetGradients: texts };
  const steps = affordableSteps(budget, { targetEvaluations: texts }, { wanted, each: stepCost });
  const suffix = start.split(/\s+/u).length;
  const context = contextLength(target, set, suffix, prompts);
  const completions = phrasingTokens(targetTexts) * (1 + also.length);
  // Candidates share what stands before the swap, half of the suffix on average.
  const candidate = texts * (suffix / 2) + completions;
  const checks = checkEvery === null ? 0 : Math.floor(steps / checkEvery);
  const asked = speakerWork(
    searchCalls(facts, evaluated, [{ rows: 1, contexts: 1 }]).target.map((call) => ({
      ...call,
      times: call.times * checks,
    })),
  );
  return {
    ...noWork,
    target: asked,
    targetTexts: {
      queries: prompts * texts * (1 + steps * width),
      readTokens: prompts * ((1 + steps) * (1 + also.length) * context + steps * width * candidate),
    },
    targetGradients: {
      queries: prompts * texts * steps,
      readTokens: prompts * steps * (texts * context + completions),
    },
    judgeQueries: asked.queries * verdictsPerExchange,
  };
}
