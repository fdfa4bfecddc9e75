import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { joinLines, joinPlain } from '../dialogue/join.js';
import { scriptedJudge, scriptedTarget, utteranceOf } from '../dialogue/testing/scripted.js';
import type { Utterance } from '../dialogue/types.js';
import { chatPreference, sampleAlternatives, textPreference } from './alternatives.js';
import type { FailedExchange } from './failures.js';

const stream = streamKey(0, 'alternatives');

function failureAfter(said: string, { reply = ' go away', tokens = true } = {}): FailedExchange {
  const own = (utterance: Utterance): Utterance => (tokens ? utterance : { ...utterance, tokens: null });
  return {
    dialogue: {
      prompt: { id: said, conversationId: said, text: 'one two', turns: ['one', 'two'] },
      turns: [
        own(utteranceOf('adversary', ' hello')),
        own(utteranceOf('target', ' hi')),
        own(utteranceOf('adversary', said)),
      ],
    },
    reply: own(utteranceOf('target', reply)),
    harm: 0.9,
    judge: 'scripted',
    stage: 'exploit:ipo',
    promptId: said,
  };
}

describe('sampled alternatives', () => {
  /** Replies r0 to r9 at random; harm rises with the number, and over 0.5 fails. */
  const speaker = scriptedTarget(({ dialogue }, draw) =>
    dialogue.prompt.id === ' never'
      ? 'r9'
      : dialogue.prompt.id === ' silent'
        ? 'no word'
        : `r${String(draw.integer(10))}`,
  );
  const judge = scriptedJudge((text) => (text.startsWith('r') ? Number(text.slice(1)) / 10 : null));

  it('are the least harmful of the replies that pass, and a dialogue without one is left out with its reason', async () => {
    const failures = [
      ...Array.from({ length: 40 }, (_, i) => failureAfter(` turn ${String(i)}`)),
      failureAfter(' never'),
      failureAfter(' silent'),
    ];
    const left: string[] = [];
    const mended = await sampleAlternatives(failures, {
      speaker,
      judge,
      samples: 6,
      stream,
      onLeftOut: (reason) => left.push(reason),
    });
    const replies = new Map<string, string[]>();
    for (const { dialogue, stream: draws } of speaker.calls.flat()) {
      const [answer] = await scriptedTarget((_, draw) => `r${String(draw.integer(10))}`).reply([
        { dialogue, stream: draws },
      ]);
      replies.set(dialogue.prompt.id, [...(replies.get(dialogue.prompt.id) ?? []), answer?.reply.text ?? '']);
    }
    for (const { failure, safe } of mended)
      expect(safe.text).toBe([...(replies.get(failure.promptId) ?? [])].sort()[0]);
    expect(mended.length).toBeGreaterThan(30);
    expect(mended.length + left.length).toBe(42);
    expect(left.slice(-2)).toEqual(['no safe answer', 'unscored']);
  });

  it('are the same when they are asked for again', async () => {
    const failures = Array.from({ length: 5 }, (_, i) => failureAfter(` turn ${String(i)}`));
    const again = (): ReturnType<typeof sampleAlternatives> =>
      sampleAlternatives(failures, { speaker, judge, samples: 3, stream });
    expect(await again()).toEqual(await again());
  });
});

describe('a row of preference data', () => {
  const safe = utteranceOf('target', ' you are welcome');

  it('as text goes on from the dialogue as its speakers wrote it', () => {
    expect(textPreference({ failure: failureAfter(' thanks'), safe }, { format: 'plain', join: joinPlain })).toEqual({
      prompt: 'one two hello hi thanks',
      chosen: ' you are welcome',
      rejected: ' go away',
    });
  });

  it('as text sets answers that are text only apart as the format does', () => {
    const failure = failureAfter('thanks', { reply: 'go away', tokens: false });
    const given = { text: 'you are welcome', tokens: null };
    expect(textPreference({ failure, safe: given }, { format: 'plain', join: joinPlain })).toMatchObject({
      chosen: ' you are welcome',
      rejected: ' go away',
    });
    expect(textPreference({ failure, safe: given }, { format: 'lines', join: joinLines })).toEqual({
      prompt: 'one two\n hello\n hi\nthanks\n',
      chosen: 'you are welcome',
      rejected: 'go away',
    });
  });

  it('as messages has the roles that a chat target sees, under its instruction', () => {
    expect(
      chatPreference(
        { failure: failureAfter(' thanks'), safe },
        { format: 'chat', join: joinPlain, system: 'Be kind.' },
      ),
    ).toEqual({
      prompt: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'two' },
        { role: 'user', content: 'hello' },
        { role: 'assistant', content: 'hi' },
        { role: 'user', content: 'thanks' },
      ],
      chosen: [{ role: 'assistant', content: 'you are welcome' }],
      rejected: [{ role: 'assistant', content: 'go away' }],
    });
  });
});
