/** Dialogues that begin with nothing go through training and evaluation, and are refused where no model can begin them. */
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../tests/fakes/tinyRuns.js';
import type { JsonObject } from '../base/json.js';
import { type LanguageModel, openLanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { renderHtml } from '../render/html/renderHtml.js';
import { readReportView } from '../report/reportView.js';
import { runStages } from './runStages.js';

const common = { epochs: 1, promptsPerEpoch: 4, learningRate: 1e-3, devEvery: 1, devPrompts: 2 };
const attacks = {
  ppo: { ...common, batchSize: 4, passes: 1 },
  rloo: { ...common, batchSize: 4, passes: 1 },
  ctb: { ...common, batchPairs: 4 },
  ipo: { ...common, batchPairs: 4 },
};
const prompts = { train: 'start:4', dev: 'start:2', test: 'start:5' };

interface Turn {
  readonly author: string;
  readonly ids: readonly number[];
}

describe('dialogues from the start token', () => {
  let device: Device;
  let files: TinyFiles;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    model = await openLanguageModel(device, files.models['tiny'] ?? '', { trainable: false, name: 'tiny' });
  });
  afterAll(() => device.close());

  async function play(stages: readonly unknown[], changes: object = {}): Promise<string> {
    const recipe = tinyRecipe(stages, { prompts, ...changes });
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    await runStages(tinyContext(files, recipe, run));
    run.close('done');
    return folder;
  }

  const rows = (folder: string, stage: string): JsonObject[] =>
    readLines(folder, 'rollouts.jsonl').filter((line) => line['stage'] === stage);

  it.each(Object.entries(attacks))(
    '%s trains on them in dialogues of two exchanges, and evaluation plays others, each of its own draws',
    async (attack, options) => {
      const folder = await play([
        { exploit: { attack, horizon: 2, ...options } },
        { evaluate: { rows: ['untuned', attack], turns: 2 } },
      ]);
      const untuned = rows(folder, 'evaluate:untuned');
      expect(untuned.map(({ prompt }) => prompt)).toMatchObject(
        [1, 2, 3, 4, 5].map((n) => ({ id: `start-${String(n)}`, text: '' })),
      );
      const first = untuned.map(({ turns }) => JSON.stringify((turns as unknown as readonly Turn[])[0]));
      expect(new Set(first).size).toBe(5);
      const metrics = readLines(folder, 'metrics.jsonl');
      expect(metrics.some((line) => typeof line['rollout/reward'] === 'number')).toBe(true);
      const report = renderHtml(await readReportView(folder));
      expect(report).toContain('none: the adversary begins');
    },
  );

  it('give the NLL of a first utterance under the target, given the start token alone', async () => {
    const folder = await play([{ evaluate: { turns: 1 } }]);
    const records = rows(folder, 'evaluate:untuned');
    const said = records.map(({ turns }) => (turns as unknown as readonly Turn[])[0]?.ids ?? []);
    const bos = model.tokenizer.bosId ?? -1;
    const scored = await scoreCompletions(
      model,
      said.map((completion) => ({ prefix: [bos], completion })),
    );
    const expected = scored.map((logProbs) => -[...logProbs].reduce((sum, value) => sum + value, 0) / logProbs.length);
    const nlls = records
      .map((record) => JSON.stringify(record))
      .map((text) => /"adversaryNll":([\d.]+)/.exec(text)?.[1]);
    expect(nlls).toHaveLength(5);
    nlls.forEach((nll, i) => {
      expect(Number(nll)).toBeCloseTo(expected[i] ?? NaN, 4);
    });
    // Five start tokens are read, and nothing else is read by the adversary.
    const { spent } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
      spent: Record<string, number>;
    };
    expect(spent['adversaryTokensRead']).toBe(5);
  });

  it.each([
    ['adversary', { target: 'tiny', adversary: 'organism' }],
    ['target', { target: 'organism', adversary: 'tiny' }],
  ])('are refused before a model is opened where the %s has no start token', async (role, models) => {
    const changes = { target: { model: models.target }, adversary: { model: models.adversary } };
    await expect(play([{ evaluate: { turns: 1 } }], changes)).rejects.toMatchObject({
      details: { where: 'prompts.train', got: expect.stringContaining(`${role}: organism`) as string },
    });
  });
});
