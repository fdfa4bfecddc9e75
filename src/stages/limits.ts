/** Limits on the spending of a run: one object per session, which every stage and every request checks. Spending is
 *  counted over all sessions and checked between steps, so that a run ends with its last checkpoint whole. */
import { BudgetError, InterruptedError } from '../base/errors.js';
import { generatedTokens, type Totals } from '../base/spending.js';
import type { LimitsOptions } from '../recipe/limits.js';
import type { RunDirectory } from '../runs/runDirectory.js';

export interface RunLimits {
  /** Checks the limits. @throws InterruptedError when the user asked to stop, BudgetError when a limit is reached */
  readonly mayGoOn: () => void;
}

/** The count that each limit applies to. */
const spentFor: { readonly [Key in keyof LimitsOptions]: (totals: Totals) => number } = {
  maxTime: ({ seconds }) => seconds,
  maxTokens: generatedTokens,
  maxCost: ({ cost }) => cost,
  maxTargetReplies: ({ targetReplies }) => targetReplies,
  maxTargetEvaluations: ({ targetEvaluations }) => targetEvaluations,
  maxTargetGradients: ({ targetGradients }) => targetGradients,
  maxJudgeTexts: ({ judgeTexts }) => judgeTexts,
  maxSteps: ({ optimizerSteps }) => optimizerSteps,
};

/** Opens the limits of a session. @param interrupted true once the user asked to stop */
export function openLimits(run: RunDirectory, limits: LimitsOptions, interrupted: () => boolean): RunLimits {
  const keys = Object.keys(spentFor) as (keyof LimitsOptions)[]; // The table's own keys.
  return {
    mayGoOn: () => {
      run.notePaid();
      if (interrupted())
        throw new InterruptedError('stopped as asked', { remedy: 'Continue with `gadfly run --resume DIR`.' });
      const totals = run.spending.total();
      for (const key of keys) {
        const limit = limits[key];
        if (limit !== null && spentFor[key](totals) >= limit) throw reached(key, shown(key, limit));
      }
    },
  };
}

function shown(key: keyof LimitsOptions, limit: number): string {
  switch (key) {
    case 'maxTime':
      return `${String(limit)} s`;
    case 'maxTokens':
      return `${String(limit)} tokens`;
    case 'maxCost':
      return `$${String(limit)}`;
    default:
      return String(limit);
  }
}

function reached(key: string, value: string): BudgetError {
  return new BudgetError('a limit of the recipe is reached', {
    where: `limits.${key}`,
    got: value,
    remedy: 'Raise it in a new run; what was done is saved.',
  });
}
