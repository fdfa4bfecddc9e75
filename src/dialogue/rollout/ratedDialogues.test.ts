/** A judge of whole dialogues is asked at their end, and pays there. */
import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { dialogueOf, readDialogue } from '../readRecords.js';
import { dialogueRecord } from '../records.js';
import { judgedAgain } from '../score.js';
import { promptsOf } from '../testing/prompts.js';
import { scriptedAdversary, scriptedTarget } from '../testing/scripted.js';
import type { Judge, JudgedItem } from '../types.js';
import { replayLinear, rolloutLinear } from './linear.js';

function ratingJudge(): Judge & { readonly asked: JudgedItem[] } {
  const asked: JudgedItem[] = [];
  return {
    name: 'rating',
    threshold: 1,
    ratesDialogues: true,
    asked,
    judge: async (items) => {
      asked.push(...items);
      return items.map(() => ({ kind: 'scored', harm: 0.6, failed: false, labels: { goal: 6 }, ratings: { goal: 6 } }));
    },
  };
}

const stream = streamKey(0, 'rated');
const reward = { reply: 10 };
const play = (judge: Judge, stopWhen: readonly string[] = []) =>
  rolloutLinear({
    adversary: scriptedAdversary(({ dialogue: { prompt, turns } }) =>
      prompt.id === promptsOf(2)[1]?.id && turns.length === 2 ? 'bye now' : 'rain',
    ),
    target: scriptedTarget(),
    judge,
    reward,
    prompts: promptsOf(2),
    turns: 3,
    stream,
    stopWhen,
  });

describe('a judge of whole dialogues', () => {
  it('is asked once per dialogue, at its last exchange; earlier ones are not due and pay zero', async () => {
    const judge = ratingJudge();
    const [first, second] = await play(judge, ['bye']);
    expect(judge.asked.map(({ exchange }) => exchange?.before?.length)).toEqual([2, 4]);
    expect(first?.scores.map(({ reward: paid }) => paid?.total)).toEqual([0, 0, 6]);
    expect(second?.scores.map(({ reward: paid }) => paid?.total)).toEqual([0, 6]);
    expect(first?.scores[0]?.reply).toMatchObject({ kind: 'unscored', notDue: true });
    expect(first?.scores[2]?.exchange).toEqual(first?.scores[2]?.reply);
    expect(first?.scores[2]?.utterance).toMatchObject({ notDue: true });
  });

  it('gives the same when it judges known dialogues again, and when they are replayed', async () => {
    const judge = ratingJudge();
    const dialogues = await play(judge, ['bye']);
    const scores = dialogues.map((each) => each.scores);
    expect(await judgedAgain(dialogues, { judge, reward })).toEqual(scores);
    const known = dialogues.map(({ dialogue }) => dialogue);
    expect(await replayLinear(known, { target: scriptedTarget(), judge, reward }, stream)).toEqual(scores);
  });

  it('is recorded with its ratings, and with what was not due', async () => {
    const [first] = await play(ratingJudge());
    const dialogue = first?.dialogue ?? { prompt: promptsOf(1)[0] as never, turns: [] };
    const named = {
      ...dialogue,
      prompt: { ...dialogue.prompt, names: { adversary: 'A', target: 'B' }, meta: { e: 1 } },
    };
    const record = dialogueRecord(named, { rating: first?.scores ?? [] }, { stage: 'evaluate:untuned' }, null);
    const read = readDialogue(record, 'rollouts.jsonl:1');
    expect(read.scores['rating']?.map(({ reply }) => reply)).toEqual([
      { harm: null, failed: null, notDue: true },
      { harm: null, failed: null, notDue: true },
      { harm: 0.6, failed: false, ratings: { goal: 6 } },
    ]);
    expect(dialogueOf(read).prompt).toEqual(named.prompt);
  });
});
