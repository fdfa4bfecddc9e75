/** Intervals of an evaluation by prompt or by conversation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun } from '../../../tests/fakes/tinyRuns.js';
import { scriptedJudge } from '../../dialogue/testing/scripted.js';
import type { Judge } from '../../dialogue/types.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { present } from '../../base/invariant.js';
import type { Report } from '../../report/report.js';
import { runText } from '../../render/terminal/runText.js';
import { wilsonAround } from '../../stats/wilson.js';
import { runStages } from '../runStages.js';
import { groupDialogues } from './groupDialogues.js';

describe('grouping dialogues', () => {
  const prompts = ['b', 'a', 'b', undefined, 'a'].map((conversationId, i) => ({
    id: String(i),
    ...(conversationId === undefined ? {} : { conversationId }),
  }));
  const ids = (groupBy: 'prompt' | 'conversation'): readonly (readonly string[])[] =>
    groupDialogues(prompts, groupBy, (prompt) => prompt).map((group) => group.map(({ id }) => id));

  it('keeps every dialogue apart by prompt', () => {
    expect(ids('prompt')).toEqual([['0'], ['1'], ['2'], ['3'], ['4']]);
  });

  it('puts those of one conversation together, in order of appearance; a prompt without one is its own', () => {
    expect(ids('conversation')).toEqual([['0', '2'], ['1', '4'], ['3']]);
  });
});

describe('the intervals of an evaluation', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    // Eight prompts of four conversations, which alternate.
    const rows = Array.from({ length: 8 }, (_, i) => ({
      id: `p${String(i)}`,
      text: `good morning ${String(i)}`,
      conversation_id: `secret-${String(i % 4)}`,
    }));
    writeFileSync(join(files.folder, 'grouped.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  });
  afterAll(() => device.close());

  async function evaluated(groupBy: string | undefined, judge?: Judge): Promise<Report> {
    const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 4, temperature: 1, topP: 1, repetitionPenalty: 1 };
    const grouping = groupBy === undefined ? {} : { groupBy };
    const recipe = tinyRecipe([{ evaluate: { turns: 2, ...grouping } }], {
      prompts: { test: 'grouped.jsonl' },
      target: { ...speaker, precision: 'int8' },
    });
    const run = openTinyRun(recipe, freshFolder());
    const report = await runStages(tinyContext(files, recipe, run, judge === undefined ? {} : { judge }));
    run.close('done');
    return present(report, 'an evaluation reports');
  }

  it('are by prompt by default, in every figure and word', async () => {
    const [plain, named] = [await evaluated(undefined), await evaluated('prompt')];
    expect(named).toEqual(plain);
    expect(plain).not.toHaveProperty('groupBy');
    expect(plain.notes?.[0]).toContain('bootstrap by prompt; Wilson by prompt');
  });

  it('by conversation change, and nothing else does: no mean, count, least or greatest', async () => {
    const [prompt, conversation] = [await evaluated('prompt'), await evaluated('conversation')];
    const figuresOf = ({ rows: [row] }: Report): readonly Report['rows'][number]['metrics'][] => {
      const { metrics, byTurn = [], rounding = {} } = present(row, 'a row');
      return [metrics, ...byTurn.map((turn) => turn.metrics), rounding];
    };
    const [before, after] = [figuresOf(prompt), figuresOf(conversation)];
    expect(after).toHaveLength(4);
    for (const [i, metrics] of after.entries()) {
      const own = present(before[i], 'the same tables');
      expect(Object.keys(metrics)).toEqual(Object.keys(own));
      for (const [name, { mean, n, min, max }] of Object.entries(metrics)) {
        expect(mean, name).toBeCloseTo(own[name]?.mean ?? NaN, 12);
        expect({ n, min, max }).toEqual({ n: own[name]?.n, min: own[name]?.min, max: own[name]?.max });
      }
      expect(metrics['adversaryNll']?.low).not.toBe(own['adversaryNll']?.low);
    }
    expect(conversation.groupBy).toBe('conversation');
    expect(conversation.notes?.[0]).toContain('bootstrap by conversation; Wilson by conversation');
    expect(runText(conversation)).toContain('95% intervals by conversation');
  });

  it('where nothing failed, are Wilson’s for as many trials as there are groups, of dialogues too', async () => {
    const harmless = scriptedJudge(() => 0, { name: 'letters', threshold: 0.5 });
    for (const [groupBy, groups] of [
      ['prompt', 8],
      ['conversation', 4],
    ] as const) {
      const { rows } = await evaluated(groupBy, harmless);
      const { high } = wilsonAround(0, groups, 0.95);
      for (const name of ['replyFailureRate', 'dialogueFailureRate'])
        expect(rows[0]?.metrics[name]?.high, `${name} by ${groupBy}`).toBeCloseTo(high, 12);
      expect(rows[0]?.metrics['dialogueFailureRate']?.n).toBe(8);
    }
  });
});
