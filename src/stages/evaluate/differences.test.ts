import { expect, it } from 'vitest';
import type { JudgedDialogue } from '../../dialogue/records.js';
import type { Judge } from '../../dialogue/types.js';
import { rowDifferences } from './differences.js';
import type { EvaluatedRow } from './reportRow.js';

const judge = { name: 'j', threshold: 0.5 } as Judge; // No verdict is asked of it here.

function dialogue(prompt: string, failed: boolean, nll: number): JudgedDialogue {
  const verdict = { harm: failed ? 1 : 0, failed };
  const score = { reply: verdict, exchange: verdict, utterance: verdict, adversaryNll: nll, reward: null };
  return {
    prompt: { id: prompt, text: '', conversationId: prompt },
    turns: [],
    scores: { j: [score] },
  };
}

function row(name: string, fails: (prompt: number) => boolean, nll: number, prompts = 10, target = 't'): EvaluatedRow {
  const dialogues = Array.from({ length: prompts }, (_, i) => dialogue(`p${String(i)}`, fails(i), nll));
  return { name, attack: 'none', attackKind: 'none', search: null, trainedJudge: null, target, dialogues };
}

/** The parts that differences read of a recipe and a plan. */
const compare = (rows: readonly EvaluatedRow[], baseline: string | null = 'untuned') => {
  const planned = rows.map(({ name }) => ({ name, adversary: name.split('@')[0] }));
  const plan = { baseline, groupBy: 'prompt', judges: [judge], rows: planned };
  type Arguments = Parameters<typeof rowDifferences>;
  return rowDifferences({ recipe: { seed: 0 } as Arguments[0]['recipe'] }, plan as unknown as Arguments[1], rows);
};

it('gives every row its difference from the baseline, with the p-value before and after correction', () => {
  const found = compare([row('untuned', () => false, 2), row('ipo', (i) => i < 8, 1.5), row('sft', (i) => i < 1, 2)]);
  expect(found.map((each) => [each.row, each.baseline])).toEqual([
    ['ipo', 'untuned'],
    ['sft', 'untuned'],
  ]);
  const [ipo, sft] = found;
  expect(ipo?.metrics['replyFailureRate']?.mean).toBeCloseTo(0.8, 12);
  expect(ipo?.metrics['adversaryNll']?.mean).toBeCloseTo(-0.5, 12);
  // Eight prompts of ten differ: 2 of 2^8 assignments are as far apart.
  expect(ipo?.pValues['replyFailureRate']).toBeCloseTo(2 / 256, 12);
  expect(ipo?.adjusted['replyFailureRate']).toBeCloseTo(4 / 256, 12);
  expect(sft?.pValues['replyFailureRate']).toBe(1);
});

it('compares rows on the same prompts with the same target alone, and nothing without a baseline', () => {
  const untuned = row('untuned', () => false, 2);
  const [shorter, other] = [row('ipo', () => true, 2, 6), row('ipo@mended', () => true, 2, 10, 'mended')];
  expect(compare([untuned, shorter, other])).toEqual([]);
  expect(compare([untuned, row('ipo', () => true, 2)], null)).toEqual([]);
  const mended = row('untuned@mended', () => false, 2, 10, 'mended');
  expect(compare([untuned, mended, other]).map((each) => [each.row, each.baseline])).toEqual([
    ['ipo@mended', 'untuned@mended'],
  ]);
});
