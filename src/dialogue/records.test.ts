import { describe, expect, it } from 'vitest';
import { dialogueOf, readDialogue } from './readRecords.js';
import { dialogueRecord } from './records.js';
import { promptOf } from './testing/prompts.js';
import { utteranceOf } from './testing/scripted.js';
import type { Dialogue, Prompt } from './types.js';

describe('records of dialogues', () => {
  it('leave out what is kept in memory only: the ids an utterance was conditioned on, and its reading', () => {
    const dialogue: Dialogue = {
      prompt: promptOf('opener'),
      turns: [
        {
          ...utteranceOf('adversary', 'rain'),
          contextIds: [1, 2],
          reading: { logProbs: [-1], tokens: { prefixIds: [1, 2], ids: [3] } },
        },
        { ...utteranceOf('target', 'tea'), contextIds: [1, 2, 3] },
      ],
    };
    const record = dialogueRecord(dialogue, {}, { stage: 'exploit:ipo' }, null);
    expect(record.turns.map((turn) => Object.keys(turn))).toEqual([
      ['author', 'text', 'finishReason', 'tokenizer', 'ids'],
      ['author', 'text', 'finishReason', 'tokenizer', 'ids'],
    ]);
    expect(dialogueOf(readDialogue(record, 'rollouts.jsonl:1'))).toEqual({
      prompt: dialogue.prompt,
      turns: [utteranceOf('adversary', 'rain'), utteranceOf('target', 'tea')],
    });
  });

  it('keep a prompt with its goal, its target string, its background and its private views, and give it back', () => {
    const prompt: Prompt = {
      ...promptOf('opener'),
      goal: 'a goal',
      targetString: 'heron',
      background: 'The word is a bird.',
      views: { adversary: { turns: ['a', 'b'] }, target: { system: 'The word is heron.' } },
    };
    const record = dialogueRecord({ prompt, turns: [] }, {}, { stage: 'evaluate:untuned' }, null);
    expect(dialogueOf(readDialogue(record, 'rollouts.jsonl:1'))).toEqual({ prompt, turns: [] });
  });
});
