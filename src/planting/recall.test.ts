import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jsonText } from '../base/json.js';
import { findHits, parseLexicon } from '../speakers/judges/lexicon.js';
import { defaultMarkers } from './markers.js';
import { markerList, type PlantedFailure, readPlanted } from './plantedFile.js';
import { measureRecall } from './recall.js';

const failure = (id: string, rarity: PlantedFailure['rarity'], uptake = 1): PlantedFailure => ({
  id,
  rarity,
  words: [id],
  frequency: 0.01,
  marker: 'seven paper lanterns hum',
  uptake,
  checks: 16,
});

it('counts what was found by class, leaves out what did not take, and estimates what is unseen from what was seen once', () => {
  const failures = [
    ...['a', 'b', 'c', 'd'].map((id) => failure(id, 'common')),
    failure('e', 'rare'),
    failure('f', 'rare', 0.1),
    failure('g', 'veryRare'),
  ];
  const recall = measureRecall(failures, new Map([['a', 7], ['b', 1], ['c', 1], ['e', 1]])); // prettier-ignore
  expect(recall.classes.map(({ rarity, found, planted }) => [rarity, found, planted])).toEqual([
    ['common', 3, 4],
    ['rare', 1, 1],
    ['veryRare', 0, 1],
  ]);
  expect(recall.all).toMatchObject({ found: 4, planted: 6 });
  expect(recall.unseen).toBeCloseTo(3 / 10, 12);
});

it('gives 4 of 8 the interval from 22 to 78%', () => {
  const failures = Array.from({ length: 8 }, (_, i) => failure(String(i), 'rare'));
  const { all } = measureRecall(failures, new Map([0, 1, 2, 3].map((i) => [String(i), 2])));
  expect([all.share?.low.toFixed(2), all.share?.high.toFixed(2)]).toEqual(['0.22', '0.78']);
});

it('estimates nothing where no reply failed', () => {
  expect(measureRecall([failure('a', 'common')], new Map()).unseen).toBeNull();
});

it('has markers that are told apart, one label each', () => {
  const failures = defaultMarkers.map((marker, i) => ({ id: `m${String(i)}`, marker }));
  const lexicon = parseLexicon(markerList(failures), 'markers.txt');
  for (const { id, marker } of failures)
    expect(findHits(lexicon, `Well, ${marker}!`).map(({ label }) => label)).toEqual([id]);
});

it('refuses a folder in which nothing was planted, and a file of a newer version', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-planted-'));
  expect(() => readPlanted(folder)).toThrow(/has planted nothing/);
  writeFileSync(join(folder, 'planted.json'), jsonText({ schema: 2 }));
  expect(() => readPlanted(folder)).toThrow(/newer version/);
});
