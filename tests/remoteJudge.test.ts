/** A judge at an endpoint, on the real model pool: the limits of a session count every request of it, whichever target
 *  stands in the recipe's place. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetError } from '../src/base/errors.js';
import { textItems } from '../src/dialogue/score.js';
import { type Device, openDevice } from '../src/engine/runtime/device.js';
import type { Recipe } from '../src/recipe/recipe.js';
import { chatAnswer, type FakeServer, fakeServer, sendJson } from '../src/remote/testing/fakeServer.js';
import type { RunDirectory } from '../src/runs/runDirectory.js';
import { runStages } from '../src/stages/runStages.js';
import type { StageContext } from '../src/stages/stageContext.js';
import { letterShare, tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from './fakes/tinyPool.js';
import { freshFolder, openTinyRun } from './fakes/tinyRuns.js';

/** The server's answers say that 10 tokens were read and 3 generated: 13 dollars a request, or 3 tokens. */
const [dollars, tokens] = [13, 3];
const prices = { input: 1e6, output: 1e6 };

describe('a judge at an endpoint', () => {
  let device: Device;
  let files: TinyFiles;
  let server: FakeServer;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());
  beforeEach(async () => {
    server = await fakeServer(({ body }, response) => {
      const [{ content } = { content: '' }] = body['messages'] as { content: string }[];
      const [, text = ''] = /<text>\n([^]*)\n<\/text>/.exec(content) ?? [];
      sendJson(response, chatAnswer(`[[${1 + Math.round(9 * letterShare(text))}]]`, { model: 'grader' }));
    });
  });
  afterEach(() => server.close());

  function recipeOf(stages: readonly unknown[], limits: Readonly<Record<string, number>> = {}): Recipe {
    const judge = {
      model: 'languageModel:openai:grader#rubric',
      threshold: 0.1,
      baseUrl: server.url,
      remote: { concurrency: 1, prices },
    };
    return tinyRecipe(stages, { judge, limits });
  }

  const contextOf = (recipe: Recipe, run: RunDirectory): StageContext =>
    tinyContext(files, recipe, run, { offline: false });
  const texts = (name: string, n: number) => textItems(Array.from({ length: n }, (_, i) => `${name} ${String(i)}`));

  it.each([
    ['maxCost', 7 * dollars],
    ['maxTokens', 7 * tokens],
  ])('stops at limits.%s after a mended target took the place of the first, within one batch', async (limit, most) => {
    const recipe = recipeOf([{ evaluate: {} }], { [limit]: most });
    const run = openTinyRun(recipe, freshFolder());
    const { pool } = contextOf(recipe, run);
    await (await pool.judge(recipe.judge)).judge(texts('first', 2));
    const mended = pool.withTarget({ name: 'mended', folder: files.models['another'] ?? '' });
    await mended.localTarget();
    await (await mended.judge(recipe.judge)).judge(texts('mended', 2));
    expect(server.received).toHaveLength(4);
    expect(run.spending.total()).toMatchObject({ judgeTexts: 4, judgeTokensGenerated: 4 * tokens, cost: 4 * dollars });
    // A judge that is first opened now asks the same limits.
    const other = await mended.judge({ ...recipe.judge, threshold: 0.2 });
    await expect(other.judge(texts('other', 9))).rejects.toThrow(BudgetError);
    expect(server.received).toHaveLength(7);
    expect(run.spending.total()).toMatchObject({ judgeTokensGenerated: 7 * tokens, cost: 7 * dollars });
    await expect((await pool.judge(recipe.judge)).judge(texts('again', 1))).rejects.toThrow(BudgetError);
    expect(server.received).toHaveLength(7);
    await mended.close();
    run.close('interrupted');
  });

  it('costs a run that mends and evaluates what the server was asked, and ends it at the limit', async () => {
    const stages = [
      { exploit: { attack: 'ipo', horizon: 1, epochs: 1, promptsPerEpoch: 8, batchPairs: 4, devEvery: 0 } },
      {
        mend: {
          failures: { max: 12, minHarm: 0.05 },
          ordinary: { max: 6 },
          holdOut: 0.4,
          twin: null,
          candidates: { samples: 1, temperatures: [1.5], minGap: 0 },
          train: [{ loss: 'dpo', epochs: 1, batchPairs: 4, learningRate: 1e-3 }],
          measures: { prompts: 2, choices: null },
        },
      },
      { evaluate: { rows: ['untuned'], turns: 1 } },
    ];
    const whole = openTinyRun(recipeOf(stages), freshFolder());
    await runStages(contextOf(recipeOf(stages), whole));
    whole.close('done');
    const asked = server.received.length;
    expect(whole.spending.total().cost).toBe(asked * dollars);
    // What the run has asked before comes from its folder: its tokens count, and cost nothing again.
    const { judgeTexts, judgeTokensGenerated } = whole.spending.total();
    expect(judgeTexts).toBeGreaterThan(asked);
    expect(judgeTokensGenerated).toBe(judgeTexts * tokens);

    // The last row plays the mended target: three requests before its end the limit is reached.
    const limited = recipeOf(stages, { maxCost: (asked - 3) * dollars });
    const run = openTinyRun(limited, freshFolder());
    await expect(runStages(contextOf(limited, run))).rejects.toThrow(BudgetError);
    run.close('interrupted');
    expect(server.received.length - asked).toBe(asked - 3);
    expect(run.hasModel('dpo')).toBe(true);
    expect(run.spending.total().cost).toBe((asked - 3) * dollars);
  });
});
