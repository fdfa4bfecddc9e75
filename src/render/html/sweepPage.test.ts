import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSweepFile, writeSweepFile } from '../../report/sweepFile.js';
import { joinRepeats } from '../../report/sweepTables.js';
import { exampleSweep, exampleSweeps } from '../testing/exampleSweep.js';
import { renderSweepHtml } from './renderHtml.js';
import { isCrowded, sweepPictures, type SweepPicture } from './sweepPanels.js';
import { renderSweepMarkdown } from '../markdown/renderSweepMarkdown.js';
import { sweepText } from '../terminal/sweepText.js';
import type { SweepView } from '../../report/sweepView.js';

const pictureOf = ({ file, seedKey }: SweepView, id: string, metric: string): SweepPicture => {
  const table = file.tables.find((each) => each.id === id);
  const found =
    table === undefined
      ? undefined
      : sweepPictures(table, file.keys, seedKey).find((picture) => picture.metric === metric);
  if (found === undefined) throw new Error(`no picture of ${metric} in ${id}`);
  return found;
};

describe('the tables of a sweep', () => {
  it('hold every row of every report beside its values: adversaries, mended models with their changes, guards', () => {
    const { tables } = exampleSweep(exampleSweeps.number).file;
    expect(tables.map(({ id, rows }) => `${id}: ${rows.length}`)).toEqual([
      'rows organism:judge: 8',
      'mend harmful: 8',
      'mend ordinary: 8',
      'mend guards: 8',
    ]);
    const [before, after] = tables[1]?.rows ?? [];
    expect(before).toMatchObject({ point: 1, values: { 'stages.mend.train.0.gamma': 0 }, name: 'organism' });
    expect(after?.change?.['replyFailureRate']?.mean).toBeCloseTo(
      (after?.metrics['replyFailureRate']?.mean ?? 0) - 0.5,
    );
    expect(tables[3]?.rows[1]?.metrics['ordinaryNllChange']).toBeDefined();
  });

  it('repeats of a seed are averaged, from the lowest to the highest', () => {
    const { file, seedKey } = exampleSweep(exampleSweeps.numberAndSeeds);
    const ipo = joinRepeats(file.tables[0]?.rows ?? [], seedKey).find(({ name }) => name === 'ipo');
    expect(ipo?.values).toEqual({ 'stages.mend.train.0.gamma': 0 });
    // 0.3 − 0.2 · 0.3 = 0.24 for seed 0, 0.03 more for each further seed.
    expect(ipo?.metrics['replyFailureRate']).toEqual({
      mean: expect.closeTo(0.27) as number,
      least: expect.closeTo(0.24) as number,
      most: expect.closeTo(0.3) as number,
      seeds: 3,
    });
  });
});

describe('the pictures of a sweep', () => {
  it('one number: a line a row over it, with the runs’ own intervals', () => {
    const { axis, panels, spread, lines } = pictureOf(
      exampleSweep(exampleSweeps.number),
      'rows organism:judge',
      'replyFailureRate',
    );
    expect(axis).toEqual({ kind: 'number', label: 'gamma', values: [0, 0.1, 0.2, 0.4] });
    expect([spread, panels.length, lines.map(({ name }) => name)]).toEqual(['interval', 1, ['untuned', 'ipo']]);
    const [first] = panels[0]?.series[1]?.points ?? [];
    expect(first).toEqual({
      at: 0,
      mean: expect.closeTo(0.24) as number,
      low: expect.closeTo(0.19) as number,
      high: expect.closeTo(0.29) as number,
      seeds: 1,
    });
  });

  it('with seeds: means, from the lowest seed to the highest; where one is missing, it says that both are shown', () => {
    const point = (unfinished: readonly number[]) =>
      pictureOf(exampleSweep(exampleSweeps.numberAndSeeds, unfinished), 'rows organism:judge', 'replyFailureRate');
    expect(point([]).spread).toBe('seeds');
    expect(point([]).panels[0]?.series[1]?.points[0]).toMatchObject({
      low: expect.closeTo(0.24) as number,
      high: expect.closeTo(0.3) as number,
      seeds: 3,
    });
    expect(point([2, 3]).spread).toBe('mixed');
  });

  it('two numbers: small multiples by row, a line for each value of the second', () => {
    const { axis, panels, lines } = pictureOf(exampleSweep(exampleSweeps.twoNumbers), 'mend harmful', 'evasiveness');
    expect([axis.label, panels.map(({ title }) => title), lines.map(({ name }) => name)]).toEqual([
      'gamma',
      ['organism', 'adpo'],
      ['beta 0.1', 'beta 0.3', 'beta 0.9'],
    ]);
    expect(panels.every(({ series }) => series.length === 3 && series.every(({ points }) => points.length === 4))).toBe(
      true,
    );
  });

  it('names: lanes in order of appearance; seeds alone: a lane a row', () => {
    expect(pictureOf(exampleSweep(exampleSweeps.names), 'rows organism:judge', 'replyFailureRate').axis).toEqual({
      kind: 'category',
      label: 'form',
      values: ['joint', 'paired', 'separate'],
    });
    expect(pictureOf(exampleSweep(exampleSweeps.seeds), 'rows organism:judge', 'replyFailureRate').axis).toEqual({
      kind: 'category',
      label: 'adversary',
      values: ['untuned', 'ipo'],
    });
  });

  it('three keys: what is neither axis nor line divides the panels', () => {
    const view = exampleSweep(
      '{ grid: { stages.mend.train.0.form: [joint, paired], stages.mend.train.0.beta: [0.1, 0.3], stages.mend.train.0.gamma: [0, 0.1, 0.2] } }',
    );
    const { panels } = pictureOf(view, 'mend guards', 'ordinaryNllChange');
    expect(panels.map(({ title }) => title)).toEqual(['adpo, beta 0.1', 'adpo, beta 0.3']);
  });

  it('values over powers of ten are spaced evenly, others to scale', () => {
    expect([isCrowded([0.001, 0.01, 0.1, 1]), isCrowded([0.05, 0.1, 0.2]), isCrowded([1, 100])]).toEqual([
      true,
      false,
      false,
    ]);
    expect(renderSweepHtml(exampleSweep(exampleSweeps.crowded))).toContain('beta (values evenly spaced)');
  });
});

describe('sweep.html', () => {
  it.each(Object.entries(exampleSweeps))(
    '%s: names no outside resource, and every figure says in words what it shows',
    (_, sweep) => {
      const html = renderSweepHtml(exampleSweep(sweep));
      const targets = [...html.matchAll(/\s(?:src|href)=["']?([^"'\s>]+)|url\(([^)]+)|@import/g)].map(
        ([, target]) => target ?? '',
      );
      expect(targets.filter((target) => !/^(data:,|#results|\.\/[^/]+\/report\.html)$/.test(target))).toEqual([]);
      expect(html).toContain("default-src 'none'");
      const figures = [...html.matchAll(/<svg viewBox[^>]*role="img" aria-label="([^"]*)"/g)].map(
        ([, label]) => label ?? '',
      );
      expect(figures.length).toBeGreaterThan(3);
      for (const label of figures) expect(label).toMatch(/\d/);
      expect(html).not.toMatch(/NaN|Infinity|undefined/);
    },
  );

  it('is the same for the same sweep, and escapes what it is given', () => {
    const view = exampleSweep(exampleSweeps.number, [2]);
    expect(renderSweepHtml(view)).toBe(renderSweepHtml(exampleSweep(exampleSweeps.number, [2])));
    expect(renderSweepHtml(view)).not.toContain('<b>always</b>');
    expect(renderSweepHtml(view)).not.toContain('the disk is full <i>');
    expect(renderSweepHtml(view)).toContain('3 of 4 points are done; the sweep is <b>failed</b>');
  });

  it('a sweep without a measured point has a page as well', () => {
    expect(renderSweepHtml(exampleSweep(exampleSweeps.number, [1, 2, 3, 4]))).toContain(
      'No point has been evaluated yet',
    );
  });
});

describe('a sweep in words', () => {
  it('Markdown has a row a point and report row, the means over seeds, and what failed', () => {
    const text = renderSweepMarkdown(exampleSweep(exampleSweeps.numberAndSeeds, [9]));
    expect(text).toContain('8 of 9 points are done.');
    expect(text).toContain('- 09-gamma=0.4,seed=2: failed: the disk is full \\<i\\>');
    expect(text).toContain('| 1 | 0 | 0 | ipo | 24.0% [19.0%, 29.0%] |');
    expect(text).toContain('| 0 | ipo | 3 | 27.0% (24.0% to 30.0%) |');
  });

  it('the terminal’s tables keep to the main metrics', () => {
    const text = sweepText(exampleSweep(exampleSweeps.numberAndSeeds));
    expect(text).toContain('Replies failed');
    expect(text).toContain('mean over seeds (lowest to highest)');
  });
});

describe('sweep.json', () => {
  it('is read as it was written, but for points without a run; a damaged one is refused by name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-sweep-'));
    const { file } = exampleSweep(exampleSweeps.number, [2]);
    writeSweepFile(folder, file);
    // None of these runs is on the disk: the done ones must run again.
    expect(readSweepFile(folder)).toEqual({
      ...file,
      points: file.points.map((point) => (point.status === 'done' ? { ...point, status: 'pending' } : point)),
    });
    writeSweepFile(folder, {
      ...file,
      points: [{ ...(file.points[0] as (typeof file.points)[number]), folder: '../elsewhere' }],
    });
    expect(() => readSweepFile(folder)).toThrow('the name of a folder at points[0].folder');
    writeSweepFile(folder, { ...file, schema: 2 as 1 });
    expect(() => readSweepFile(folder)).toThrow('"schema": 1');
  });
});
