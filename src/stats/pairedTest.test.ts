import { expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { holm, swapTest } from './pairedTest.js';

const key = streamKey(0, 'test');

it('counts every assignment of few prompts: three prompts that all rise by one have p = 2/8', () => {
  expect(swapTest([[1], [1], [1]], [[0], [0], [0]], key)).toBe(0.25);
});

it('finds nothing where both sides say the same, and no test where a side has no value', () => {
  expect(swapTest([[1, 0], [0]], [[1, 0], [0]], key)).toBe(1);
  expect(swapTest([[null], []], [[1], [0]], key)).toBeNull();
});

it('leaves out prompts that only one side has scored', () => {
  const a = [[1], [1], [1], [null]];
  expect(swapTest(a, [[0], [0], [0], [1]], key)).toBe(0.25);
});

it('draws assignments of many prompts, never to zero, and agrees with the exact test', () => {
  const many = Array.from({ length: 20 }, () => [1]);
  const none = many.map(() => [0]);
  const p = swapTest(many, none, key);
  expect(p).toBeGreaterThan(0);
  expect(p).toBeLessThan(0.001);
});

it('rejects two rows that are alike at its level: 5% of 400 times, give or take', () => {
  const draw = openStream(streamKey(1, 'null'));
  let rejected = 0;
  for (let k = 0; k < 400; k++) {
    // Twelve prompts of two replies; rates differ by prompt, sides are alike.
    const rates = Array.from({ length: 12 }, () => draw.uniform());
    const side = () => rates.map((rate) => [0, 1].map(() => Number(draw.uniform() < rate)));
    if ((swapTest(side(), side(), key) ?? 1) <= 0.05) rejected++;
  }
  expect(rejected).toBeLessThanOrEqual(32); // 5% of 400 is 20; 32 is passed by chance in 1 of 200 runs.
});

it("adjusts p-values by Holm's rule, in their order, never down and never over 1", () => {
  expect(holm([0.01, 0.04, null, 0.03, 0.005])).toEqual([0.03, 0.06, null, 0.06, 0.02]);
  expect(holm([0.6, 0.7])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});
