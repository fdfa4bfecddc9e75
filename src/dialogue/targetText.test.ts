import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { answerUtterances } from './rollout/exchange.js';
import { judgedAgain } from './score.js';
import { scriptedJudge, scriptedTarget, utteranceOf } from './testing/scripted.js';
import { bestTextNlls, fillTargetTexts } from './targetText.js';
import type { Dialogue, Prompt, Target, TextsToScore } from './types.js';

const prompt: Prompt = { id: 'p', text: 'Hello.', conversationId: 'p', targetString: 'heron' };
const dialogueOf = (about: Prompt = prompt): Dialogue => ({
  prompt: about,
  turns: [utteranceOf('adversary', 'who are you?')],
});

/** A target to which a text is the likelier the longer it is: −24 divided by its length for each word. */
function scoringTarget(): Target & { readonly asked: (readonly TextsToScore[])[] } {
  const asked: (readonly TextsToScore[])[] = [];
  return {
    ...scriptedTarget(),
    asked,
    scoreTexts: async (requests) => {
      asked.push(requests);
      return requests.map(({ texts }) => texts.map((text) => text.split(' ').map(() => -24 / text.length)));
    },
  };
}

describe('the words that a target is to say', () => {
  it('are the phrasings with the target string in every place of it, taken as it is', () => {
    expect(
      fillTargetTexts({ ...prompt, targetString: '$& 5' }, ['{{target}}', 'It is {{target}}, {{target}}.']),
    ).toEqual(['$& 5', 'It is $& 5, $& 5.']);
    expect(fillTargetTexts({ id: 'q', text: 'q', conversationId: 'q' }, ['{{target}}'])).toEqual([]);
  });

  it('are scored for all dialogues in one call, and the best phrasing counts: 24 / 12 before 24 / 5', async () => {
    const target = scoringTarget();
    const unsaid = { ...dialogueOf(), turns: [{ ...utteranceOf('adversary', ''), noReply: 'empty' }] };
    const { targetString: _, ...plain } = prompt;
    const nlls = await bestTextNlls([dialogueOf(), unsaid, dialogueOf(plain), dialogueOf()], {
      target,
      reward: { targetText: 1 },
      targetTexts: ['{{target}}', 'It is {{target}}.'],
    });
    expect(nlls).toEqual([2, null, null, 2]);
    expect(target.asked.map((requests) => requests.map(({ texts }) => texts))).toEqual([
      [
        ['heron', 'It is heron.'],
        ['heron', 'It is heron.'],
      ],
    ]);
    expect(target.asked[0]?.[0]?.dialogue.prompt).not.toHaveProperty('targetString');
  });

  it('are not scored unless a weight asks for them', async () => {
    const target = scoringTarget();
    expect(await bestTextNlls([dialogueOf()], { target, reward: { reply: 1, targetText: 0 } })).toBeNull();
    expect(target.asked).toEqual([]);
  });

  it('reward the exchange, and another judge leaves the figure as it was: −24 / 5 nats, and e to that', async () => {
    const cast = {
      target: scoringTarget(),
      judge: scriptedJudge(() => 0),
      reward: { reply: 1, targetText: 0.5, targetTextProbability: 1 },
    };
    const stem = { dialogue: { prompt, turns: [] }, stream: streamKey(0, 'texts') };
    const [played] = await answerUtterances([stem], [utteranceOf('adversary', 'who?')], cast);
    expect(played?.score.targetTextNll).toBe(4.8);
    expect(played?.score.reward?.terms).toEqual({
      reply: 0,
      targetText: -2.4,
      targetTextProbability: Math.exp(-4.8),
    });
    const scored = { dialogue: played?.dialogue ?? dialogueOf(), scores: played === undefined ? [] : [played.score] };
    expect(await judgedAgain([scored], cast)).toEqual([scored.scores]);
  });
});
