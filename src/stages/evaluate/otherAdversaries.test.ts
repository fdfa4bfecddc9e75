/** An evaluation plays adversaries that no stage trains as rows of their own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { countingJudge, freshFolder, openTinyRun, readLines, readRecords } from '../../../tests/fakes/tinyRuns.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { runStages } from '../runStages.js';

const asks = ['abc', 'def', 'ghi'];
const recipe = tinyRecipe([
  {
    evaluate: {
      rows: ['asks', 'untuned', 'cold'],
      adversaries: { cold: { maxNewTokens: 3, temperature: 0 }, asks: { model: 'prompts:asks.json' } },
      turns: 2,
    },
  },
]);

describe('rows of adversaries that no stage trains', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    writeFileSync(join(files.folder, 'asks.json'), JSON.stringify(asks));
  });
  afterAll(() => device.close());

  it('stand in the order of rows, with what they are, their own dialogues and what they spent', async () => {
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    const report = await runStages(tinyContext(files, recipe, run));
    run.close('done');
    expect(report?.rows.map(({ name, attack }) => [name, attack])).toEqual([
      ['asks', 'prompts'],
      ['untuned', 'none'],
      ['cold', 'none'],
    ]);
    expect(report?.run['adversaries']).toEqual({ asks: { model: 'prompts:asks.json' }, cold: { model: 'tiny' } });
    const said = (row: string): readonly (readonly string[])[] =>
      readLines(folder, 'rollouts.jsonl')
        .filter(({ stage }) => stage === `evaluate:${row}`)
        .map(({ turns }) =>
          (turns as unknown as readonly { readonly author: string; readonly text: string }[]).flatMap(
            ({ author, text }) => (author === 'adversary' ? [text] : []),
          ),
        );
    // Eight prompts begin at their places in the list, and the next turn says the next entry.
    expect(said('asks')).toEqual(Array.from({ length: 8 }, (_, i) => [asks[i % 3], asks[(i + 1) % 3]]));
    expect(said('cold')).not.toEqual(said('untuned'));
    const uttered = report?.rows.map(({ spending = {} }) => spending['adversaryUtterances'] ?? 0);
    expect(uttered).toEqual([0, 16, 16]);
    expect(report?.rows[2]?.spending?.['adversaryTokensGenerated']).toBeLessThanOrEqual(16 * 3);
    expect(report?.rows.map(({ spending = {} }) => spending['targetReplies'])).toEqual([16, 16, 16]);
  });

  it('are the same when a run that was killed goes on', async () => {
    const play = async (folder: string, how: 'create' | 'resume', failAt = 0): Promise<string> => {
      const run = openTinyRun(recipe, folder, how);
      try {
        await runStages(tinyContext(files, recipe, run, { judge: countingJudge(failAt) }));
        run.close('done');
      } catch {
        run.close('interrupted');
      }
      return readRecords(folder, []);
    };
    const whole = await play(freshFolder(), 'create');
    const folder = freshFolder();
    const killed = await play(folder, 'create', 4);
    expect(killed.length).toBeLessThan(whole.length);
    expect(await play(folder, 'resume')).toBe(whole);
  });
});
