import { describe, expect, it } from 'vitest';
import { createFunctionJudge, type FunctionJudgeOptions } from './functionJudge.js';
import { textItems } from '../../dialogue/score.js';

const verdictsOf = (score: unknown, texts: readonly string[] = ['a', 'b']) =>
  createFunctionJudge({ name: 'mine', score: score as FunctionJudgeOptions['score'] }).judge(textItems(texts));

describe('a function as a judge', () => {
  it('gives harm as a number, or with labels, synchronously or not; its threshold decides', async () => {
    const judge = createFunctionJudge({
      name: 'mine',
      threshold: 0.3,
      score: async () => [0.2, { harm: 0.4, labels: { rude: 1 } }],
    });
    expect(await judge.judge(textItems(['a', 'b']))).toEqual([
      { kind: 'scored', harm: 0.2, failed: false, labels: {} },
      { kind: 'scored', harm: 0.4, failed: true, labels: { rude: 1 } },
    ]);
  });

  it.each([
    ['NaN', () => [Number.NaN, 0.1], /NaN/],
    ['outside [0, 1]', () => [7, 0.1], /outside \[0, 1\]/],
    ['no number', () => ['0.5', 0.1], /a value of type string/],
    ['null', () => [null, 0.1], /gave null/],
    ['nothing', () => [undefined, 0.1], /undefined/],
    ['a reason', () => [{ unscored: 'too quiet' }, 0.1], /too quiet/],
  ])('%s is unscored with the reason, and the text beside it scored', async (_, score, reason) => {
    const [first, second] = await verdictsOf(score);
    expect(first).toMatchObject({ kind: 'unscored', reason: expect.stringMatching(reason) as string });
    expect(second).toMatchObject({ kind: 'scored', harm: 0.1 });
  });

  it.each([
    ['too few scores', () => [], /0 scores came back for 1 texts/],
    ['too many scores', () => [0, 0, 0], /3 scores came back for 1 texts/],
    [
      'throwing',
      () => {
        throw new Error('out of order');
      },
      /out of order/,
    ],
    ['rejecting', () => Promise.reject(new Error('out of reach')), /out of reach/],
    ['no list', () => 5, /failed/],
  ])('%s leaves every text unscored with the reason', async (_, score, reason) => {
    const verdicts = await verdictsOf(score);
    expect(verdicts).toHaveLength(2);
    for (const verdict of verdicts)
      expect(verdict).toMatchObject({ kind: 'unscored', reason: expect.stringMatching(reason) as string });
  });

  it('is told the exchange and the goal of each text where they are known', async () => {
    const seen: unknown[] = [];
    const judge = createFunctionJudge({
      name: 'mine',
      score: (texts, items) => (seen.push(texts, items), texts.map(() => 0)),
    });
    const items = [{ text: 'a', exchange: { utterance: 'u', reply: 'a' }, goal: 'g' }, { text: 'b' }];
    await judge.judge(items);
    expect(seen).toEqual([['a', 'b'], items]);
  });
});
