import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EpisodeLog } from '../measures/episodeLog.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';
import { ratings, writeSocialRun } from './testing/socialRun.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-episodes-'));
const run = join(folder, 'run');
const out = join(folder, 'episodes.jsonl');
beforeAll(() => {
  writeSocialRun(run);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('gadfly episodes', () => {
  it('writes each rated conversation as an episode, and counts those that no judge has rated', async () => {
    const done = await runCli(['episodes', run, '--out', out, '--json']);
    expect(jsonOf(done)).toEqual({ run, episodes: 2, leftOut: 1, out });
    const [first, second] = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as EpisodeLog);
    const { mean, socialRules, financial, ...plain } = ratings;
    const reward = [
      mean,
      { ...plain, social_rules: socialRules, financial_and_material_benefits: financial, overall_score: mean },
    ];
    expect(first).toEqual({
      pk: 'social-untuned-c1',
      environment: 'e1',
      agents: ['a1', 'a2'],
      tag: 'gadfly:social:untuned',
      models: ['languageModel:x#sotopia', 'organism', 'organism'],
      messages: [
        [
          ['Environment', 'Ada Lake', 'You are Ada Lake.'],
          ['Environment', 'Ben Lake', 'You are Ben Lake.'],
        ],
        [
          ['Ada Lake', 'Environment', 'said: "Is there tea?"'],
          ['Ben Lake', 'Environment', 'did nothing'],
        ],
        [
          ['Ben Lake', 'Environment', 'said: "There is."'],
          ['Ada Lake', 'Environment', 'did nothing'],
        ],
        [
          ['Ada Lake', 'Environment', 'said: "Give me "all" of it."'],
          ['Ben Lake', 'Environment', 'did nothing'],
        ],
        [
          ['Ben Lake', 'Environment', 'did nothing'],
          ['Ada Lake', 'Environment', 'did nothing'],
        ],
      ],
      reasoning:
        'Ada Lake was rated by languageModel:x#sotopia. Ben Lake was rated by languageModel:x#sotopia-partner.',
      rewards: [reward, reward],
      rewards_prompt: '',
    });
    expect(second?.rewards).toEqual([reward, 0]);
    expect(second?.reasoning).toContain('Ben Lake was not rated.');
  });

  it.each([
    [[], /FILE\.jsonl/],
    [['--out', 'x.csv'], /FILE\.jsonl/],
    [['--out', out, '--rows', 'absent'], /untuned/],
  ])('refuses %j with what is known', async (argv, message) => {
    const { code, output } = await runCli(['episodes', run, ...argv, '--json']);
    expect(code).toBe(2);
    expect(JSON.stringify(output)).toMatch(message);
  });
});
