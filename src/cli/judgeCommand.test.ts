/** `gadfly judge` with several judges, options and labels. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-judge-'));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const words = file('words.txt', 'turnip\n');
const labels = file(
  'labels.jsonl',
  [
    ['turnip soup', 1],
    ['a turnip', 1],
    ['you fool', 1],
    ['fresh bread', 0],
    ['warm tea', 0],
    ['turnip tea', 0],
  ]
    .map(([text, label]) => JSON.stringify({ text, label }))
    .join('\n'),
);

describe('gadfly judge with several judges', () => {
  it('gives each its own document, in the order given, by commas or by repetition', async () => {
    for (const names of [
      ['--judge', `lexicon:${words},linear-toxicity`],
      ['--judge', `lexicon:${words}`, '--judge', 'linear-toxicity'],
    ]) {
      const result = await runCli(['judge', ...names, '--text', 'a turnip', '--json']);
      expect(jsonOf(result)).toMatchObject({
        judges: [{ judge: `lexicon:${words}`, results: [{ harm: 1, failed: true }] }, { judge: 'linear-toxicity' }],
      });
    }
  });

  it('takes an ensemble whole, commas and all', async () => {
    const result = await runCli([
      'judge',
      '--judge',
      `max(lexicon:${words}, linear-toxicity)`,
      '--text',
      'a turnip',
      '--json',
    ]);
    expect(jsonOf(result)).toMatchObject({
      judge: `max(lexicon:${words}, linear-toxicity)`,
      results: [{ harm: 1, labels: { split: 1 } }],
    });
  });
});

describe('gadfly judge --texts', () => {
  const judged = async (name: string, content: string): Promise<unknown> => {
    const result = await runCli(['judge', '--judge', `lexicon:${words}`, '--texts', file(name, content), '--json']);
    return (jsonOf(result) as { results: { text: string; harm: number }[] }).results.map(({ text, harm }) => [
      text,
      harm,
    ]);
  };

  it('reads a CSV file by its header, which is no text, and its other columns as no part of the text', async () => {
    expect(await judged('t.csv', 'text,room\n"a turnip, sir",hall\nfine,shed\n')).toEqual([
      ['a turnip, sir', 1],
      ['fine', 0],
    ]);
    expect(await judged('t.tsv', 'Prompt\tid\na turnip\t1\n')).toEqual([['a turnip', 1]]);
  });

  it('refuses a CSV file whose first line names no column of texts, and an empty field', async () => {
    const run = (name: string, content: string) =>
      runCli(['judge', '--judge', `lexicon:${words}`, '--texts', file(name, content)]);
    const headless = await run('h.csv', 'a turnip\nfine\n');
    expect(headless).toMatchObject({ code: 1 });
    expect(headless.errors).toMatch(/h\.csv:2[^]*first line names the columns/);
    expect((await run('e.csv', 'text,id\na,1\n,2\n')).errors).toMatch(/e\.csv:3[^]*an empty field/);
  });

  it('takes word lists from a column, with their labels', async () => {
    const list = file('list.csv', 'word;label\nturnip;vegetable\nstone cold;mood\n');
    const result = await runCli(['judge', '--judge', `lexicon:${list}`, '--text', 'stone cold turnips', '--json']);
    expect(jsonOf(result)).toMatchObject({ results: [{ harm: 1, labels: { vegetable: 1, mood: 1 } }] });
  });
});

describe('gadfly judge --against', () => {
  it('refuses the name of something that every object has as a column', async () => {
    const result = await runCli(['judge', '--against', labels, '--column', 'constructor']);
    expect(result.errors).toMatch(/There is no label[^]*constructor/);
  });

  it('prints figures that can be counted by hand, with n, the unscored and intervals', async () => {
    const result = await runCli(['judge', '--judge', `lexicon:${words}`, '--against', labels, '--json']);
    expect(result.code).toBe(0);
    // Flagged: two of three harmful, one of three harmless. Of 9 pairs 2·2 are won and 2·1 + 1·2 tied: ROC-AUC (4 +
    // 4/2) / 9.
    expect(jsonOf(result)).toMatchObject({
      against: labels,
      texts: 6,
      of: 6,
      harmful: 3,
      judges: [
        {
          scored: 6,
          unscored: 0,
          positives: 3,
          accuracy: { value: expect.closeTo(4 / 6, 12) as number },
          rocAuc: {
            value: expect.closeTo(6 / 9, 12) as number,
            low: expect.any(Number) as number,
            high: expect.any(Number) as number,
          },
          confusion: { truePositive: 2, falsePositive: 1, trueNegative: 2, falseNegative: 1 },
        },
      ],
    });
  });

  it('compares judges in one table, and shows confusion and reliability of each', async () => {
    const { output } = await runCli(['judge', '--judge', `linear-toxicity,lexicon:${words}`, '--against', labels]);
    expect(output).toMatch(/judge +texts +unscored +ROC-AUC +accuracy/);
    expect(output.match(/at threshold 0\.5/g)).toHaveLength(2);
    expect(output).toContain('6 scored, 0 unscored');
  });

  it('a sample is drawn by the seed, the same each time', async () => {
    const sampled = async (seed: string) =>
      jsonOf(await runCli(['judge', '--against', labels, '--limit', '3', '--seed', seed, '--json']));
    const first = await sampled('1');
    expect(first).toMatchObject({ texts: 3, of: 6, seed: 1 });
    expect(await sampled('1')).toEqual(first);
  });

  it('says what is wrong with its flags', async () => {
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['--against', join(folder, 'nowhere.csv')], 'no such file'],
      [['--against', labels, '--text', 'x'], 'one of --text and --texts'],
      [['--text', 'x', '--limit', '3'], '--limit is for --against'],
      [['--text', 'x', '--set', 'template=rubric'], 'judge.template'],
      [['--text', 'x', '--set', 'nonsense=1'], 'nonsense'],
      [['--text', 'x', '--set', 'temperature'], 'key=value'],
      [['--text', 'x', '--judge', 'languageModel:openai:x'], 'judge.baseUrl'],
      [['--text', 'x', '--judge', 'function'], 'createFunctionJudge'],
    ];
    for (const [argv, message] of cases) {
      const result = await runCli(['judge', ...argv]);
      expect({ argv, code: result.code, output: result.output }).toEqual({ argv, code: 2, output: '' });
      expect(result.errors).toContain(message);
    }
  });
});

describe('gadfly list judges', () => {
  it('names every kind', async () => {
    const { output } = await runCli(['list', 'judges']);
    for (const name of [
      'linear-toxicity',
      'languageModel:MODEL[#TEMPLATE]',
      'function',
      'mean(A, B…)',
      './DIR[#LABEL]',
    ])
      expect(output).toContain(name);
  });
});
