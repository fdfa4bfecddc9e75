import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { jsonOf, runCli } from './testing/fakeTerminal.js';
import { tinyMendStage, tinySpeaker, writeTinyCommandFiles } from '../../tests/fakes/tinyCommandRecipe.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-stage-'));
const recipe = join(folder, 'tiny.yaml');

const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1', '--json']);
const records = (run: string): string =>
  createHash('sha256')
    .update(['rollouts', 'pairs'].map((name) => readFileSync(join(run, `${name}.jsonl`), 'utf8')).join())
    .digest('hex');

beforeAll(async () => {
  await writeTinyCommandFiles(folder);
  writeFileSync(
    recipe,
    `name: tiny
target: ${tinySpeaker}
adversary: ${tinySpeaker}
judge: linear-toxicity
prompts: { train: train.json, test: test.json }
stages:
  - exploit: { attack: ipo, horizon: 1, candidates: 4, epochs: 1, promptsPerEpoch: 8, batchPairs: 4, devEvery: 0 }
${tinyMendStage}  - evaluate: { turns: 1 }
`,
  );
});

describe('the stages of a recipe, one command each', () => {
  it('exploit, mend and evaluate on one run directory leave what gadfly run leaves', async () => {
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    expect((await cli('run', recipe, '--out', whole)).code).toBe(0);
    const [exploit, mend, evaluate] = [
      await cli('exploit', '--config', recipe, '--out', parts),
      await cli('mend', '--config', recipe, '--out', parts),
      await cli('evaluate', '--config', recipe, '--out', parts),
    ];
    expect(jsonOf(exploit)).toMatchObject({ status: 'interrupted', left: ['mend', 'evaluate'] });
    expect(jsonOf(mend)).toMatchObject({ status: 'interrupted', left: ['evaluate'] });
    expect(jsonOf(evaluate)).toMatchObject({ status: 'done' });
    expect([exploit.code, mend.code, evaluate.code]).toEqual([0, 0, 0]);
    expect(records(parts)).toBe(records(whole));
  });

  it('a stage whose forerunner is not finished says which command comes first', async () => {
    const result = await cli('mend', '--config', recipe, '--out', join(folder, 'early'));
    expect(result.code).toBe(2);
    expect(result.errors).toContain('the stage ipo comes first and is not finished');
    expect(result.errors).toContain('gadfly exploit');
  });

  it('after a loop failOver is about the target of the last round: earlier targets had their turn', async () => {
    const evaluate = 'stages.evaluate={turns: 1, failOver: 0, judges: [{ model: linear-toxicity, threshold: 0 }]}';
    const result = await cli(
      'run',
      recipe,
      '--out',
      join(folder, 'rounds'),
      '--set',
      'loop={rounds: 2}',
      '--set',
      evaluate,
    );
    const { rows, loop, thresholdExceeded } = jsonOf(result) as unknown as {
      rows: { name: string }[];
      loop: { round: number }[];
      thresholdExceeded: string[];
    };
    expect(loop.map(({ round }) => round)).toEqual([1, 1, 2, 2, 2]);
    expect(rows.map(({ name }) => name)).toEqual(['untuned', 'ipo-1', 'untuned@dpo-1', 'ipo-1@dpo-1', 'ipo-2@dpo-1']);
    expect(thresholdExceeded).toEqual(['untuned@dpo-1', 'ipo-1@dpo-1', 'ipo-2@dpo-1']);
    expect(result.code).toBe(3);
  });

  it('refuses what it cannot take: no recipe, a kind that the recipe does not have, a loop', async () => {
    expect((await cli('mend')).code).toBe(2);
    const none = await cli('mend', '--config', 'demo', '--out', join(folder, 'demo'));
    expect(none.code).toBe(2);
    expect(none.errors).toContain('this recipe has no stage mend');
    const loop = await cli('mend', '--config', 'mend-organism', '--out', join(folder, 'loop'));
    expect(loop.code).toBe(2);
    expect(loop.errors).toContain('the stages of a loop take turns');
  });
});
