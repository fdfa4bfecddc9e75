/** An utterance that was not given, from the speaker to the record: what crosses dialogue, judges and targets. */
import { describe, expect, it } from 'vitest';
import { streamKey } from '../src/base/random.js';
import { dialogueOf, readDialogue } from '../src/dialogue/readRecords.js';
import { dialogueRecord } from '../src/dialogue/records.js';
import { rolloutLinear } from '../src/dialogue/rollout/linear.js';
import { judgedAgain } from '../src/dialogue/score.js';
import { promptsOf } from '../src/dialogue/testing/prompts.js';
import { scriptedAdversary, scriptedTarget } from '../src/dialogue/testing/scripted.js';
import type { Adversary, Target, Utterance } from '../src/dialogue/types.js';
import { watchUnscored } from '../src/dialogue/unscored.js';
import { guarded } from '../src/speakers/judges/guarded.js';

const harmless = guarded({ name: 'mild', threshold: 0.5, score: (items) => items.map(() => ({ harm: 0 })) });
const stream = streamKey(2, 'no reply');
const reason = 'no reply: out of breath';
const silent = (author: Utterance['author']): Utterance => ({
  author,
  text: '',
  tokens: null,
  finishReason: 'stop',
  noReply: reason,
});
const silentTarget: Target = {
  ...scriptedTarget(),
  reply: async (requests) => requests.map(() => ({ reply: silent('target'), reading: null })),
};
const cast = { adversary: scriptedAdversary(), target: silentTarget, judge: harmless, reward: { reply: 1 } };

describe('an utterance that was not given', () => {
  it('is unscored with its reason, whatever a judge would say of an empty text, and is worth no reward', async () => {
    const [played] = await rolloutLinear({ ...cast, prompts: promptsOf(1), turns: 1, stream });
    expect(played?.scores[0]).toMatchObject({
      reply: { kind: 'unscored', reason },
      exchange: { kind: 'unscored', reason },
      utterance: { kind: 'scored' },
      reward: null,
    });
  });

  it('counts once towards the share of texts that may stay unscored', async () => {
    const judge = watchUnscored(harmless, 0.4, 'here');
    await rolloutLinear({ ...cast, judge, prompts: promptsOf(2), turns: 1, stream });
    expect(judge.counts()).toEqual({ texts: 4, unscored: 2, reasons: [{ reason, count: 2 }] });
    expect(() => judge.check()).toThrow(reason);
  });

  it('stays so in the record of the dialogue, and under another judge', async () => {
    const [played] = await rolloutLinear({ ...cast, prompts: promptsOf(1), turns: 1, stream });
    if (played === undefined) throw new Error('a dialogue per prompt');
    const record = dialogueRecord(played.dialogue, { mild: played.scores }, { stage: 'evaluate' }, null);
    expect(record.turns[1]).toMatchObject({ author: 'target', text: '', noReply: reason });
    const read = {
      dialogue: dialogueOf(readDialogue(JSON.parse(JSON.stringify(record)) as typeof record, 'here')),
      scores: played.scores,
    };
    const [again] = await judgedAgain([read], { judge: harmless, reward: {} });
    expect(again?.[0]?.reply).toEqual({ kind: 'unscored', reason });
  });

  it('of the adversary is not answered: the target is asked for the others alone', async () => {
    const target = scriptedTarget();
    const speaking = scriptedAdversary();
    const adversary: Adversary = {
      ...speaking,
      speak: async (requests) =>
        (await speaking.speak(requests)).map((said, i) => (i === 1 ? silent('adversary') : said)),
    };
    const played = await rolloutLinear({ ...cast, adversary, target, prompts: promptsOf(3), turns: 1, stream });
    expect(target.calls.map((call) => call.length)).toEqual([2]);
    expect(played.map(({ scores }) => scores[0]?.reply.kind)).toEqual(['scored', 'unscored', 'scored']);
    expect(played[1]?.scores[0]).toMatchObject({
      reply: { reason: `not asked (${reason})` },
      utterance: { kind: 'unscored', reason },
    });
  });
});
