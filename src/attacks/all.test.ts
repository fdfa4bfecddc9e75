import { describe, expect, it } from 'vitest';
import { adversarySchema, targetSchema } from '../speakers/options.js';
import type { SpeakerLengths } from '../speakers/calls.js';
import type { Work } from '../speakers/work.js';
import { attacks } from './all.js';
import { attackOf, exploitSchema } from './options.js';

/** Options with every default; what has none is null. */
function leastOptions(name: string): ReturnType<typeof exploitSchema.parse> {
  const given: Record<string, unknown> = { attack: name };
  for (;;) {
    const parsed = exploitSchema.safeParse(given);
    if (parsed.success) return parsed.data;
    for (const { path } of parsed.error.issues) {
      expect(given, `${name}: ${path.join('.')} has a default or may be null`).not.toHaveProperty(path.map(String));
      given[String(path[0])] = null;
    }
  }
}

const side: SpeakerLengths = {
  prompts: { train: [10, 12, 14], dev: [9], test: [8, 11] },
  utterance: 6,
  maxContext: 100,
};
const lengths = {
  adversary: side,
  target: side,
  demonstrations: { texts: 5, prefix: 7, completion: 9 },
  evaluated: null,
  attacker: null,
  speakers: {
    target: targetSchema.parse({ model: 'organism' }),
    adversary: adversarySchema.parse({ model: 'organism' }),
    reference: null,
  },
};

function counts({
  adversary,
  target,
  reference,
  targetTexts,
  judgeQueries,
  pairs,
  trainedTokens,
  optimizerSteps,
}: Work): number[] {
  const speakers = [adversary, target].flatMap(({ queries, contextTokens, readTokens, generatedTokens }) => [
    queries,
    contextTokens,
    readTokens,
    generatedTokens,
  ]);
  return [
    ...speakers,
    reference.queries,
    reference.readTokens,
    targetTexts.queries,
    judgeQueries,
    pairs,
    trainedTokens,
    optimizerSteps,
  ];
}

describe.each(Object.entries(attacks))('the attack %s', (name, entry) => {
  const attack = attackOf(leastOptions(name));

  it('is found by its name, and says what it does', () => {
    expect(entry.schema.shape.attack.value).toBe(name);
    expect(attack.name).toBe(name);
    expect(entry.summary).toMatch(/^[a-z].{10,}[^.]$/);
  });

  it('has options in camelCase, and ones that fit together where nothing is changed', () => {
    for (const key of Object.keys(entry.schema.shape)) expect(key).toMatch(/^[a-z][A-Za-z0-9]*$/);
    expect(attack.broken).toEqual([]);
  });

  it('is consistent: what it trains it keeps, what is rewarded it has played', () => {
    expect(attack.product === 'model').toBe(attack.adversary === 'trains');
    expect(attack.product === 'planner').toBe(attack.adversary === 'steers');
    const isRewarded = attack.reward !== null || attack.trainsOnJudge;
    expect(attack.horizon).toBeGreaterThanOrEqual(isRewarded ? 1 : 0);
    expect(attack.needs.length).toBeGreaterThan(0);
  });

  it('that searches works on test prompts alone, and leaves finds; a policy sees none of them, unless it leaves finds', () => {
    const sets = attack.prompts.map(({ set }) => set);
    if (attack.kind === 'search') {
      expect(attack.product).toBe('finds');
      expect(sets).toEqual(['test']);
    }
    expect(sets.includes('test')).toBe(attack.product === 'finds');
  });

  it('that searches is as much work as there are prompts to search', () => {
    if (attack.kind !== 'search') return;
    const one = attack.work({ ...lengths, evaluated: 1 });
    const two = attack.work(lengths);
    expect(two.target.queries + two.targetTexts.queries).toBe(2 * (one.target.queries + one.targetTexts.queries));
    expect(two.judgeQueries).toBe(2 * one.judgeQueries);
  });

  it('counts its work before it runs: finite, and some', () => {
    const counted = counts(attack.work(lengths));
    expect(counted.every((count) => Number.isFinite(count) && count >= 0)).toBe(true);
    expect(counted.some((count) => count > 0)).toBe(true);
  });
});

it('the options of a stage are those of the attacks of the table, and no others', () => {
  expect(exploitSchema.options.map((option) => option.shape.attack.value)).toEqual(Object.keys(attacks));
  expect(exploitSchema.safeParse({ attack: 'none such' }).success).toBe(false);
});
