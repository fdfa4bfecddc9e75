/** What a run may spend. Counted over all sittings; checked between steps, so that a run ends with its last checkpoint
 *  whole. */
import { BudgetError, InterruptedError } from '../base/errors.js';
import type { LimitsOptions } from '../recipe/recipe.js';
import type { RunDirectory } from '../runs/runDirectory.js';
import type { SpeakerCounts } from '../speakers/localSpeaker.js';

export interface LimitGuard {
  /** Notes what was spent and throws when the run must end here.
   *  @throws InterruptedError when the user asked to stop, BudgetError when a limit is reached */
  readonly mayGoOn: () => void;
  /** Counts the tokens and dollars of a speaker from now on. */
  readonly watch: (speaker: { readonly counts: () => SpeakerCounts }) => void;
}

export function createLimitGuard(run: RunDirectory, limits: LimitsOptions, interrupted: () => boolean): LimitGuard {
  const before = run.manifest.spent['generatedTokens'] ?? 0;
  const paidBefore = run.manifest.spent['cost'] ?? 0;
  const meters: (() => number)[] = [];
  const bills: (() => number)[] = [];
  return {
    watch: ({ counts }) => {
      const start = counts().generatedTokens;
      meters.push(() => counts().generatedTokens - start);
      const paid = counts().cost;
      if (paid !== undefined) bills.push(() => (counts().cost ?? 0) - paid);
    },
    mayGoOn: () => {
      const tokens = meters.reduce((sum, meter) => sum + meter(), before);
      const cost = bills.reduce((sum, bill) => sum + bill(), paidBefore);
      run.noteSpent({ generatedTokens: tokens, ...(bills.length === 0 ? {} : { cost }) });
      if (interrupted())
        throw new InterruptedError('stopped as asked', { remedy: 'Continue with `gadfly run --resume DIR`.' });
      if (limits.maxTime !== null && run.elapsedMs >= limits.maxTime * 1000)
        throw reached('maxTime', `${String(limits.maxTime)} s`);
      if (limits.maxTokens !== null && tokens >= limits.maxTokens)
        throw reached('maxTokens', `${String(limits.maxTokens)} tokens`);
      if (limits.maxCost !== null && cost >= limits.maxCost) throw reached('maxCost', `$${String(limits.maxCost)}`);
    },
  };
}

function reached(key: string, value: string): BudgetError {
  return new BudgetError('a limit of the recipe is reached', {
    where: `limits.${key}`,
    got: value,
    remedy: 'Raise it in a new run; what was done is saved.',
  });
}
