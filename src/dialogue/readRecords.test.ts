import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.js';
import { dialogueOf, readDialogue, readJudgedDialogue } from './readRecords.js';
import { dialogueRecord } from './records.js';
import type { Dialogue, ExchangeScore } from './types.js';

const dialogue: Dialogue = {
  prompt: { id: 'p', text: 'the shop', conversationId: 'c', turns: ['hello'], goal: 'a price' },
  turns: [
    {
      author: 'adversary',
      text: 'hello',
      finishReason: 'stop',
      tokens: { tokenizerId: 't', ids: [1, 2], logProbs: [-0.5, -1], samplingLogProbs: [-0.25, -2] },
    },
    { author: 'target', text: 'good day', finishReason: 'length', tokens: null },
  ],
};
const score: ExchangeScore = {
  reply: { kind: 'scored', harm: 0.5, failed: false, labels: { disagreement: 0.25, split: 1 } },
  exchange: { kind: 'unscored', reason: 'no answer' },
  utterance: { kind: 'scored', harm: 0, failed: false, labels: {} },
  adversaryNll: 1.5,
  reward: { total: 1, terms: { reply: 1 } },
};
const written = dialogueRecord(dialogue, { judge: [score] }, { stage: 'exploit:ipo', epoch: 1, step: 2 }, [0, 1]);

describe('records of dialogues', () => {
  it('give back the dialogue with the ids and log-probabilities of its speakers', () => {
    const { stage, path, scores, ...record } = readDialogue(written, 'rollouts.jsonl:1');
    expect([stage, path]).toEqual(['exploit:ipo', [0, 1]]);
    expect(dialogueOf(record)).toEqual(dialogue);
    expect(scores).toEqual(written.scores);
  });

  it('give a report what was said and judged, without ids and log-probabilities', () => {
    expect(readJudgedDialogue(written, 'rollouts.jsonl:1')).toEqual({
      prompt: { id: 'p', text: 'the shop', conversationId: 'c', goal: 'a price' },
      turns: [
        { author: 'adversary', text: 'hello' },
        { author: 'target', text: 'good day' },
      ],
      scores: written.scores,
    });
  });

  it.each<readonly [JsonObject, string]>([
    [{ ...written, turns: undefined }, 'a list at turns'],
    [{ ...written, turns: [{ ...written.turns[0], ids: [1, 'two'] }] }, 'a list of numbers at turns[0].ids'],
    [{ ...written, turns: [{ ...written.turns[0], author: 'judge' }] }, '"adversary" or "target" at turns[0].author'],
    [{ ...written, scores: { judge: [{}] } }, 'an object at scores.judge[0].reply'],
  ])('that are damaged name the line and the key: %#', (record, message) => {
    const read = (): unknown => readDialogue(record, 'runs/x/rollouts.jsonl:7');
    expect(read).toThrow('runs/x/rollouts.jsonl:7: this is not what gadfly writes');
    expect(read).toThrow(message);
  });
});
