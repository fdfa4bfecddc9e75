/** Adds the texts and tokens of a judge to the spending of a run. */
import type { Spending } from '../base/spending.js';
import type { Judge } from './types.js';

export interface CountedJudge extends Judge {
  /** Counts the tokens of a call that has not ended yet. Called before every request of a remote judge, so that a limit
   *  counts the answers before it. */
  readonly noteTokens: () => void;
}

/** Returns the same judge, counted from now on. Dollars are counted where they are paid. */
export function countJudge(judge: Judge, spending: Spending): CountedJudge {
  const tokensOf = (): { readonly read: number; readonly generated: number } => {
    const usage = judge.usage?.() ?? {};
    const sum = (...names: readonly string[]): number => names.reduce((total, name) => total + (usage[name] ?? 0), 0);
    return {
      read: sum('promptTokens', 'cachedPromptTokens'),
      generated: sum('completionTokens', 'generatedTokens', 'cachedCompletionTokens'),
    };
  };
  let seen = tokensOf();
  const noteTokens = (): void => {
    const now = tokensOf();
    spending.add({ judgeTokensRead: now.read - seen.read, judgeTokensGenerated: now.generated - seen.generated });
    seen = now;
  };
  let running = 0;
  return {
    ...judge,
    noteTokens,
    judge: async (...asked) => {
      if (running++ === 0) seen = tokensOf();
      try {
        const verdicts = await judge.judge(...asked);
        spending.add({ judgeTexts: verdicts.length });
        return verdicts;
      } finally {
        running--;
        noteTokens();
      }
    },
  };
}
