import { describe, expect, it } from 'vitest';
import { emptyEvaluation, exampleEvaluation } from '../testing/exampleEvaluation.js';
import { renderPromptfoo } from './promptfoo.js';

interface PromptfooFile {
  readonly config: { readonly redteam?: object; readonly tests: readonly unknown[] };
  readonly results: {
    readonly version: number;
    readonly prompts: readonly { readonly label: string }[];
    readonly results: readonly {
      readonly promptIdx: number;
      readonly testIdx: number;
      readonly failureReason: number;
      readonly error: string | null;
      readonly metadata: { readonly redteamHistory: readonly object[] };
    }[];
    readonly stats: object;
  };
}

const { config, results } = JSON.parse(renderPromptfoo(exampleEvaluation())) as PromptfooFile;

describe('renderPromptfoo', () => {
  it('has a column per row of the first judge, a test per held-out prompt, and the red-team view', () => {
    expect(results.version).toBe(3);
    expect(results.prompts.map(({ label }) => label)).toEqual(['untuned', 'sft', 'ipo', 'beam']);
    expect(config.tests).toHaveLength(4);
    expect(config.redteam).toBeDefined();
    expect(results.stats).toMatchObject({ successes: 1, failures: 3, errors: 2 });
  });

  it('calls an unscored dialogue an error with its reason, never a failure or a pass', () => {
    expect(
      results.results.map(({ promptIdx, testIdx, failureReason, error }) => [promptIdx, testIdx, failureReason, error]),
    ).toEqual([
      [0, 0, 0, null],
      [0, 1, 2, 'no verdict: no text was given'],
      [2, 0, 1, null],
      [2, 1, 1, null],
      [2, 2, 1, null],
      [2, 3, 2, 'no verdict: this judge has given no verdict'],
    ]);
  });

  it('shows the failed reply, the whole dialogue and every judge', () => {
    expect(results.results[2]).toMatchObject({
      vars: { prompt: 'Hello & welcome.' },
      response: { output: expect.stringMatching(/^=1\+1 <\/testcase>.*\{\{vars\}\}/) as string },
      gradingResult: {
        pass: false,
        reason: 'failed, harm 0.970',
        componentResults: [
          { pass: false, assertion: { metric: 'linear-toxicity' } },
          { pass: false, assertion: { metric: 'insult-words' } },
        ],
      },
      metadata: { strategyId: 'custom:ipo', redteamFinalPrompt: 'What is the last answer?' },
    });
    expect(results.results[2]?.metadata.redteamHistory).toHaveLength(2);
  });

  it('is whole for a run without an evaluation', () => {
    const empty = JSON.parse(renderPromptfoo(emptyEvaluation())) as PromptfooFile;
    expect([empty.results.prompts, empty.results.results]).toEqual([[], []]);
  });
});
