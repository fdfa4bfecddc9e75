import { expect, it } from 'vitest';
import { chooseMixture, type PilotPart } from './chooseMixture.js';

const shares = [0.1, 0.2, 0.5];

/** A tilted model that says the event `times` as often as an ordinary user, who says it in one of 100 dialogues. */
function pilot(model: string, times: number, n = 1000): PilotPart<string> {
  const logRatio = Math.log(times);
  const events = Math.round(n * 0.01 + n * 0.01 * times);
  return { model, ordinary: n, tilted: n, events: Array.from({ length: events }, () => ({ event: 1, logRatio })) };
}

it('takes the model under which the event is most frequent, and few ordinary dialogues', () => {
  const choice = chooseMixture([pilot('near', 5), pilot('far', 40)], shares);
  expect(choice).toMatchObject({ model: 'far', plainShare: 0.1 });
  // w = 1 / (0.1 + 0.9 · 40) = 0.0277: E[w h] − P² = 2.77e-4 − 1e-4, against 9.9e-3 of ordinary dialogues.
  expect(choice.gain).toBeCloseTo((0.01 - 0.0001) / (0.01 / 36.1 - 0.0001), 6);
});

it('takes ordinary dialogues alone where the tilted ones have the event no more often, or less', () => {
  for (const times of [0.2, 1, 1.3])
    expect(chooseMixture([pilot('m', times)], shares)).toEqual({ model: null, plainShare: 1, gain: 1 });
});

it('says nothing of a model from fewer than ten events', () => {
  expect(chooseMixture([pilot('m', 8, 100)], shares).model).toBeNull();
  expect(chooseMixture([pilot('m', 8, 200)], shares).model).toBe('m');
});

it('does not trust a model that reaches the event rarely but seems to make it certain: ordinary dialogues count', () => {
  // The tilted model overdoes one kind of the event and leaves out the other, which ordinary users say as often.
  const kinds = [
    ...Array.from({ length: 200 }, () => ({ event: 1, logRatio: Math.log(40) })),
    ...Array.from({ length: 5 }, () => ({ event: 1, logRatio: -20 })),
  ];
  const { plainShare, gain } = chooseMixture([{ model: 'm', ordinary: 1000, tilted: 1000, events: kinds }], shares);
  // Half of the event rests on the ordinary part: the more of it the better.
  expect(plainShare === 0.5 || plainShare === 1).toBe(true);
  expect(gain).toBeLessThan(2);
});
