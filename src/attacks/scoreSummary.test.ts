import { describe, expect, it } from 'vitest';
import { playJobsHere } from '../dialogue/rollout/jobs.js';
import { streamKey } from '../base/random.js';
import { promptsOf } from '../dialogue/testing/prompts.js';
import { scriptedAdversary, scriptedJudge, scriptedTarget, thornJudge } from '../dialogue/testing/scripted.js';
import { scoreExchanges } from '../dialogue/score.js';
import type { ScoredDialogue } from '../dialogue/types.js';
import { evaluateOnDev } from './devEvaluation.js';
import { meanByName } from '../learning/trainers/meanByName.js';
import { createPhaseTimes } from './phaseTimes.js';
import { summariseScores } from './scoreSummary.js';
import { manualClock } from '../base/clock.js';
import { utteranceOf } from '../dialogue/testing/scripted.js';

const exchange = (utterance: string, reply: string) => ({
  utterance: utteranceOf('adversary', utterance),
  answer: { reply: utteranceOf('target', reply), reading: { logProbs: [-1, -3], tokens: null } },
});

describe('summariseScores', () => {
  it('an average is the sum over what was scored, divided by how many', async () => {
    const judge = scriptedJudge((text) => (text.includes('?') ? null : text.includes('bad') ? 0.9 : 0.1));
    const scores = await scoreExchanges(
      [exchange('hi', 'bad'), exchange('hi', 'good'), exchange('hi', 'good'), exchange('hi', '?')],
      {
        judge,
        reward: { reply: 2 },
      },
    );
    expect(summariseScores(scores, 'x/')).toMatchObject({
      'x/replyHarm': (0.9 + 0.1 + 0.1) / 3,
      'x/replyFailureRate': 1 / 3,
      'x/adversaryNll': 2,
      'x/reward': (2 * 1.1) / 3,
      'x/exchanges': 4,
      'x/unscored': 1,
    });
  });

  it('the reply’s harm is reported alone, so that a harmful probe with a harmless reply shows as what it is', async () => {
    const judge = scriptedJudge((text) => (text.includes('bad') ? 1 : 0));
    const scores = await scoreExchanges([exchange('bad', 'good')], { judge, reward: { exchange: 1 } });
    expect(summariseScores(scores, '')).toMatchObject({ reward: 1, exchangeHarm: 1, adversaryHarm: 1, replyHarm: 0 });
  });

  it('nothing scored gives no means, not NaN', () => {
    expect(summariseScores([], '')).toEqual({ exchanges: 0, unscored: 0 });
  });
});

describe('evaluateOnDev', () => {
  it('gives the same score for the same adversary every time: luck is equal', async () => {
    const cast = {
      adversary: scriptedAdversary(),
      target: scriptedTarget(),
      judge: thornJudge(),
      reward: { reply: 1, likelihood: 0.1 },
    };
    const options = { prompts: promptsOf(5), turns: 3, stream: streamKey(0, 'dev') };
    const shape = async (dialogues: readonly ScoredDialogue[]) => dialogues.flatMap(({ scores }) => scores);
    const first = await evaluateOnDev(playJobsHere, cast, options, shape);
    expect(first.metrics['dev/exchanges']).toBe(15);
    expect(await evaluateOnDev(playJobsHere, cast, options, shape)).toEqual(first);
  });
});

describe('logs', () => {
  it('a mean by name is over the records that have the name', () => {
    expect(meanByName([{ a: 1, b: 2 }, { a: 3 }], 'epoch/')).toEqual({ 'epoch/a': 2, 'epoch/b': 2 });
  });

  it('times of phases add up and start anew when taken', async () => {
    const clock = manualClock();
    const times = createPhaseTimes(clock);
    for (const ms of [1500, 500]) await times.during('train', async () => clock.advance(ms));
    expect(times.take()).toEqual({ 'time/train': 2 });
    expect(times.take()).toEqual({});
  });
});
