import { describe, expect, it } from 'vitest';
import { JudgeError } from '../base/errors.js';
import { scriptedJudge } from './testing/scripted.js';
import { watchUnscored } from './unscored.js';
import { textItems } from './score.js';

const judge = scriptedJudge((text) => (text.includes('?') ? null : 0.1));
const texts = (scored: number, silent: number): readonly string[] => [
  ...Array<string>(scored).fill('fine'),
  ...Array<string>(silent).fill('what?'),
];

describe('a judge that may not stay silent', () => {
  it('gives the same verdicts and counts them with their reasons', async () => {
    const watched = watchUnscored(judge, 0.2, 'here');
    expect(await watched.judge(textItems(texts(4, 1)))).toEqual(await judge.judge(textItems(texts(4, 1))));
    expect(watched.counts()).toEqual({ texts: 5, unscored: 1, reasons: [{ reason: 'the script says so', count: 1 }] });
    expect(() => watched.check()).not.toThrow();
  });

  it('stops in mid-course once enough texts have been asked, telling how many and why', async () => {
    const watched = watchUnscored(judge, 0.2, 'evaluate, row ipo');
    await watched.judge(textItems(texts(0, 10)));
    await expect(watched.judge(textItems(texts(5, 5)))).rejects.toThrow(
      /evaluate, row ipo[^]*15 of 20 texts unscored[^]*15 times: the script says so/,
    );
  });

  it('the check counts any number of texts; a share equal to the limit is allowed', async () => {
    const few = watchUnscored(judge, 0.2, 'here');
    await few.judge(textItems(texts(0, 1)));
    expect(() => few.check()).toThrow(JudgeError);
    const edge = watchUnscored(judge, 0.2, 'here');
    await edge.judge(textItems(texts(80, 20)));
    expect(() => edge.check()).not.toThrow();
    await expect(edge.judge(textItems(texts(0, 1)))).rejects.toThrow(JudgeError);
  });

  it('with a limit of 1 nothing is refused, with 0 the first silence is', async () => {
    const lenient = watchUnscored(judge, 1, 'here');
    await lenient.judge(textItems(texts(0, 40)));
    expect(() => lenient.check()).not.toThrow();
    await expect(watchUnscored(judge, 0, 'here').judge(textItems(texts(30, 1)))).rejects.toThrow(JudgeError);
  });
});
