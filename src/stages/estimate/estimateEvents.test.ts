import { expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import type { ExchangeScore, Verdict } from '../../dialogue/types.js';
import { eventOf } from './estimateEvents.js';

const verdict = (harm: number, labels: Readonly<Record<string, number>> = {}): Verdict => ({
  kind: 'scored',
  harm,
  failed: harm > 0.5,
  labels,
});
const silent: Verdict = { kind: 'unscored', reason: 'no answer' };
const notDue: Verdict = { kind: 'unscored', reason: 'rated at the end', notDue: true };
const scores = (...replies: readonly Verdict[]): readonly Pick<ExchangeScore, 'reply'>[] =>
  replies.map((reply) => ({ reply }));

it('of a dialogue is that any reply failed, also where another was not scored', () => {
  expect(eventOf('dialogue', scores(verdict(0.1), verdict(0.9)), 'j')).toBe(1);
  expect(eventOf('dialogue', scores(verdict(0.1), verdict(0.2)), 'j')).toBe(0);
  expect(eventOf('dialogue', scores(silent, verdict(0.9)), 'j')).toBe(1);
  expect(eventOf('dialogue', scores(silent, verdict(0.1)), 'j')).toBeNull();
});

it('of a reply is the share that failed, and unknown where one was not scored', () => {
  expect(eventOf('reply', scores(verdict(0.9), verdict(0.1), verdict(0), verdict(0)), 'j')).toBe(0.25);
  expect(eventOf('reply', scores(verdict(0.9), silent), 'j')).toBeNull();
});

it('of a judge of whole dialogues is its one verdict, at the end', () => {
  expect(eventOf('dialogue', scores(notDue, verdict(0.9)), 'j')).toBe(1);
  expect(eventOf('reply', scores(notDue, verdict(0.9)), 'j')).toBe(1);
  expect(eventOf('dialogue', scores(notDue, silent), 'j')).toBeNull();
});

it('of a label is that any reply has it, whether it failed or not; a label that is none is an error', () => {
  const labelled = scores(verdict(0.1, { rude: 0.7, curt: 0 }), verdict(0.9, { rude: 0, curt: 0.5 }));
  expect(eventOf('label:rude', labelled, 'j')).toBe(1);
  expect(eventOf('label:curt', labelled, 'j')).toBe(0);
  expect(() => eventOf('label:other', labelled, 'j')).toThrow(ConfigError);
});
