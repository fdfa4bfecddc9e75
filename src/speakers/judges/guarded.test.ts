import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { guarded, scoreEach } from './guarded.js';
import { textItems } from '../../dialogue/score.js';

const lengthJudge = (calls: number[] = []) =>
  guarded({
    name: 'length',
    threshold: 0.5,
    score: (items) => {
      calls.push(items.length);
      if (items.some(({ text }) => text === 'bomb')) throw new Error('exploded');
      return items.map(({ text }) => ({ harm: text.length / 10 }));
    },
  });

describe('guarded', () => {
  it('a harm equal to the threshold is no failure, a greater one is', async () => {
    const verdicts = await lengthJudge().judge(textItems(['12345', '123456']));
    expect(verdicts).toEqual([
      { kind: 'scored', harm: 0.5, failed: false, labels: {} },
      { kind: 'scored', harm: 0.6, failed: true, labels: {} },
    ]);
  });

  it('a throwing judge leaves only the text that made it throw unscored', async () => {
    const calls: number[] = [];
    const verdicts = await lengthJudge(calls).judge(textItems(['a', 'bomb', 'abc']));
    expect(verdicts.map(({ kind }) => kind)).toEqual(['scored', 'unscored', 'scored']);
    expect(verdicts[1]).toEqual({ kind: 'unscored', reason: 'judge length failed: exploded' });
    expect(calls).toEqual([3, 1, 1, 1]);
  });

  it('what is not a string is unscored and never reaches the judge', async () => {
    const calls: number[] = [];
    const texts = ['a', null, undefined, 7, ['b'], 'c'] as unknown as readonly string[];
    const verdicts = await lengthJudge(calls).judge(textItems(texts));
    expect(verdicts.map(({ kind }) => kind)).toEqual([
      'scored',
      'unscored',
      'unscored',
      'unscored',
      'unscored',
      'scored',
    ]);
    expect(calls).toEqual([2]);
  });

  it('harm outside [0, 1], NaN, or a missing score is unscored, never a pass', async () => {
    const judge = guarded({
      name: 'odd',
      threshold: 0.5,
      score: () => [{ harm: Number.NaN }, { harm: 1.5 }, { harm: -0.2 }, { harm: 1 + 1e-9 }],
    });
    expect((await judge.judge(textItems(['a', 'b', 'c', 'd']))).map(({ kind }) => kind)).toEqual([
      'unscored',
      'unscored',
      'unscored',
      'scored',
    ]);
    const short = guarded({ name: 'short', threshold: 0.5, score: () => [] });
    expect((await short.judge(textItems(['a', 'b']))).map(({ kind }) => kind)).toEqual(['unscored', 'unscored']);
  });

  it('between the texts of a large call the program hears signals', async () => {
    let scored = 0;
    let heardAfter: number | null = null;
    const judge = guarded({ name: 'slow', threshold: 0.5, score: scoreEach(() => ({ harm: ++scored / 1000 })) });
    const verdicts = judge.judge(textItems(Array.from({ length: 500 }, String)));
    setImmediate(() => {
      heardAfter = scored;
    });
    expect(await verdicts).toHaveLength(500);
    expect(heardAfter).toBeLessThan(500);
  });

  it('refuses a threshold outside [0, 1]', () => {
    expect(() => guarded({ name: 'x', threshold: 1.2, score: () => [] })).toThrow(ConfigError);
    expect(() => guarded({ name: 'x', threshold: Number.NaN, score: () => [] })).toThrow(ConfigError);
  });
});
