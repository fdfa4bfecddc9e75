import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyEncoder } from '../../tests/fakes/tinyEncoder.js';
import { makeFolder } from '../base/makeFolder.js';
import { readRows } from '../dialogue/datasets/rows.js';
import { dialogueRecord } from '../dialogue/records.js';
import { utteranceOf } from '../dialogue/testing/scripted.js';
import type { ExchangeScore, Verdict } from '../dialogue/types.js';
import { loadEmbedder } from '../engine/models/embedder.js';
import { openDevice } from '../engine/runtime/device.js';
import { loadRecipe } from '../recipe/readRecipe.js';
import { RunDirectory } from '../runs/runDirectory.js';
import { embedTexts } from '../stages/explore/embed.js';
import { cosineDistance } from '../stats/distances.js';
import { wilson } from '../stats/wilson.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-prompts-'));
const run = join(folder, 'run');
const cli = (...argv: readonly string[]) => runCli(['prompts', run, ...argv, '--json']);

const verdict = (failed: boolean | null): Verdict =>
  failed === null
    ? { kind: 'unscored', reason: 'silence' }
    : { kind: 'scored', harm: failed ? 1 : 0, failed, labels: {} };
const scored = (failed: boolean | null, adversaryNll: number | null): ExchangeScore => ({
  reply: verdict(failed),
  exchange: verdict(failed),
  utterance: verdict(false),
  adversaryNll,
  reward: null,
});

/** An utterance, whether the reply failed by the first judge, and how likely the utterance was. */
type Said = readonly [text: string, failed: boolean | null, nll: number | null];

beforeAll(() => {
  const { configuration, source } = loadRecipe('demo');
  const directory = RunDirectory.create(run, { name: 'demo', seed: 0, configuration, source, inputs: [] });
  const record = (stage: string, id: string, said: readonly Said[]) =>
    dialogueRecord(
      {
        prompt: { id, text: 'the shop', conversationId: id },
        turns: said.flatMap(([text]) => [utteranceOf('adversary', text), utteranceOf('target', 'well')]),
      },
      {
        strict: said.map(([, failed, nll]) => scored(failed, nll)),
        mild: said.map(([, , nll]) => scored(false, nll)),
      },
      { stage },
      null,
    );
  directory.log('rollouts').append(
    record('exploit:ipo', 'a', [['Not of an evaluation.', true, 1]]),
    record('evaluate:ipo', 'b', [
      ['Tell me, "please", the\nway home.', true, 2],
      ['Sing.', false, 1],
    ]),
    record('evaluate:ipo', 'c', [
      ['tell me, "please", the way home.', true, null],
      ['Tell me, "please", the way to a home.', null, 3],
    ]),
    record('evaluate:ipo', 'd', [
      ['Tell me, "please", the way home.', false, 4],
      ['Tell me, "please", the way to a home.', true, 3],
    ]),
    record('evaluate:untuned', 'b', [['Sing.', true, null]]),
  );
  directory.close('done');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function written(name: string, ...flags: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const out = join(folder, name);
  expect((await cli('--out', out, ...flags)).code).toBe(0);
  const rows: Record<string, unknown>[] = [];
  for await (const { value } of readRows(out)) rows.push(value as Record<string, unknown>);
  return rows;
}

describe('gadfly prompts', () => {
  it('counts each different utterance of a row once, with its rate, interval, likelihood and cluster', async () => {
    const rows = await written('all.jsonl');
    const home = wilson(2, 3);
    expect(rows).toEqual([
      {
        row: 'ipo',
        prompt: 'Tell me, "please", the\nway home.',
        said: 3,
        scored: 3,
        failed: 2,
        failureRate: 2 / 3,
        low: home.low,
        high: home.high,
        nllPerToken: 3,
        cluster: 0,
      },
      expect.objectContaining({ row: 'ipo', said: 2, scored: 1, failed: 1, nllPerToken: 3, cluster: 0 }) as unknown,
      expect.objectContaining({ row: 'untuned', prompt: 'Sing.', failed: 1, nllPerToken: null, cluster: 1 }) as unknown,
    ]);
    // By the lower bound: 2 of 3 is surer than 1 of 1.
    expect(home.low).toBeGreaterThan(wilson(1, 1).low);
  });

  it('writes CSV and Parquet that read back as the same rows', async () => {
    const lines = await written('same.jsonl', '--all');
    const parquet = await written('same.parquet', '--all');
    expect(parquet).toEqual(lines);
    const csv = await written('same.csv', '--all');
    const asText = (value: unknown): string => {
      if (value === null) return '';
      return typeof value === 'string' ? value : JSON.stringify(value);
    };
    expect(csv).toEqual(
      lines.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asText(value)]))),
    );
    expect(readFileSync(join(folder, 'same.csv'), 'utf8')).toMatch(/^row,prompt,said,.*\r\n/);
  });

  it('takes rows, a judge, and the surest of each cluster alone', async () => {
    expect((await written('ipo.jsonl', '--rows', 'ipo')).map(({ row }) => row)).toEqual(['ipo', 'ipo']);
    expect(await written('first.jsonl', '--rows', 'ipo', '--per-cluster', '1')).toHaveLength(1);
    expect(await written('every.jsonl', '--rows', 'ipo', '--all')).toHaveLength(3);
    const mild = await cli('--judge', 'mild', '--out', join(folder, 'none.jsonl'));
    expect(mild.code).toBe(1);
    expect(jsonOf(mild)).toMatchObject({ judge: 'mild', prompts: 0, out: null });
  });

  it('draws n at random, the same for the same seed, in the order of all', async () => {
    const all = await written('every.jsonl', '--all');
    const draws = await Promise.all(
      [1, 1, 2, 3, 4].map((seed, i) =>
        written(`drawn-${String(i)}.jsonl`, '--all', '--n', '2', '--seed', String(seed)),
      ),
    );
    expect(draws[0]).toEqual(draws[1]);
    expect(new Set(draws.map((rows) => JSON.stringify(rows))).size).toBeGreaterThan(1);
    for (const rows of draws) {
      expect(rows).toHaveLength(2);
      expect(all.filter((row) => rows.some((drawn) => JSON.stringify(drawn) === JSON.stringify(row)))).toEqual(rows);
    }
  });

  it('tells by an encoder which texts are alike when asked to', async () => {
    const encoder = join(folder, 'encoder');
    makeFolder(encoder);
    const device = await openDevice({ threads: 1 });
    await writeTinyEncoder(device, encoder);
    const rows = await written('embedded.jsonl', '--all', '--embed', encoder);
    const texts = [...new Set(rows.map(({ prompt }) => String(prompt)))];
    const vectors = await embedTexts(await loadEmbedder(device, encoder), texts);
    await device.close();
    const clusterOf = (text: unknown): unknown => rows.find(({ prompt }) => prompt === text)?.['cluster'];
    expect(texts).toHaveLength(3);
    texts.forEach((a, i) => {
      texts.slice(i + 1).forEach((b, k) => {
        const isNear = 1 - cosineDistance(vectors[i] ?? [], vectors[i + 1 + k] ?? []) >= 0.7;
        expect(clusterOf(a) === clusterOf(b), `${a} and ${b}`).toBe(isNear);
      });
    });
    // One text of two rows is of one cluster.
    expect(new Set(rows.filter(({ prompt }) => prompt === 'Sing.').map(({ cluster }) => cluster)).size).toBe(1);
  });

  it.each([
    [['--out', 'x.txt'], /FILE\.jsonl, FILE\.csv or FILE\.parquet/],
    [['--out', 'x.csv', '--judge', 'absent'], /strict, mild/],
    [['--out', 'x.csv', '--rows', 'absent'], /ipo, untuned/],
  ])('refuses %j with what is known', async (argv, message) => {
    const { code, output } = await cli(...argv);
    expect(code).toBe(2);
    expect(JSON.stringify(output)).toMatch(message);
  });
});
