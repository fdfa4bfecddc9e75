import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import type { Dialogue, SpeakRequest } from '../../dialogue/types.js';
import type { Endpoint, Message, PromptToken, RemoteReply } from '../../remote/types.js';
import { dialogueMessages, dialogueText } from '../formats/texts.js';
import { textUtterance } from '../textSpeaker.js';
import { openEndpointTarget } from './endpoint.js';

/** Scores a rendering: a token for every three characters, with −1, −2, … as log-probabilities from its end; the first
 *  has none. */
function scored(text: string): readonly PromptToken[] {
  const pieces: string[] = [];
  for (let end = text.length; end > 0; end -= 3) pieces.unshift(text.slice(Math.max(0, end - 3), end));
  return pieces.map((piece, i) => ({ text: piece, logProb: i === 0 ? null : -(pieces.length - i) }));
}
const template = (messages: readonly Message[]): string =>
  `<s>${messages.map(({ role, content }) => `[${role}]${content}[/]`).join('')}[assistant]`;
const reply: RemoteReply = {
  kind: 'reply',
  text: 'fine',
  reasoning: null,
  finishReason: 'stop',
  tokens: null,
  completionTokens: 1,
  filtered: false,
};

function endpoint(score: boolean): Endpoint {
  return {
    name: 'fake',
    concurrency: 2,
    chat: async () => reply,
    complete: async () => reply,
    close: () => undefined,
    promptLogProbs: async (request) =>
      score ? scored(request.kind === 'text' ? request.prompt : template(request.messages)) : null,
    usage: () => ({
      requests: 0,
      cachedRequests: 0,
      promptTokens: 0,
      completionTokens: 0,
      cachedPromptTokens: 0,
      cachedCompletionTokens: 0,
      cost: 0,
    }),
  };
}

const say = (author: 'adversary' | 'target', text: string): Dialogue['turns'][number] =>
  textUtterance(author, { kind: 'reply', text, finishReason: 'stop' });
const dialogue: Dialogue = {
  prompt: { id: 'p', text: 'Once upon a time', conversationId: 'p' },
  turns: [say('adversary', 'who?'), say('target', 'me'), say('adversary', 'assistant')],
};
const request: SpeakRequest = { dialogue, stream: streamKey(1, 'test') };
const options = { format: 'chat', maxNewTokens: 8, temperature: 1, topP: 1 } as const;

describe('a target behind an endpoint that scores prompts', () => {
  it('takes the last utterance of a chat by what the template adds behind it, also where that holds the same word', async () => {
    const target = await openEndpointTarget(endpoint(true), options);
    const [answer] = await target.reply([request]);
    // Behind the utterance stand the 14 characters of '[/][assistant]': four tokens and two characters of the fifth
    // from the end. The utterance's nine are characters 15 to 23: tokens five to eight.
    expect(target.provides.logProbs).toBe(true);
    expect(answer?.reading?.logProbs).toEqual([-8, -7, -6, -5]);
  });

  it('takes the end of a continuation, with the space before it', async () => {
    const target = await openEndpointTarget(endpoint(true), { ...options, format: 'plain' });
    const [answer] = await target.reply([request]);
    expect(answer?.reading?.logProbs).toEqual([-4, -3, -2, -1]); // ' assistant': ten characters.
  });

  it('scores given words as a message of the assistant, or as the end of a continuation', async () => {
    const texts = ['a heron', 'It is a heron.'];
    const chat = await openEndpointTarget(endpoint(true), options);
    // Behind the words stand the same 14 characters as behind an utterance, and '[assistant]' is read before them: the
    // seven characters of the first begin within a token.
    expect(await chat.scoreTexts?.([{ dialogue, texts }])).toEqual([
      [
        [-7, -6, -5],
        [-10, -9, -8, -7, -6, -5],
      ],
    ]);
    const plain = await openEndpointTarget(endpoint(true), { ...options, format: 'plain' });
    expect(await plain.scoreTexts?.([{ dialogue, texts: [' heron'] }])).toEqual([[[-2, -1]]]);
  });

  it('refuses to score given words where the template hides what the assistant says', async () => {
    const server = endpoint(true);
    const hiding = await openEndpointTarget(
      {
        ...server,
        promptLogProbs: async (request) =>
          scored(request.kind === 'text' ? '' : template(request.messages.filter(({ role }) => role !== 'assistant'))),
      },
      options,
    );
    await expect(hiding.scoreTexts?.([{ dialogue, texts: ['heron'] }])).rejects.toThrow(/targetText/);
  });

  it('without scores is text only', async () => {
    const target = await openEndpointTarget(endpoint(false), options);
    expect(target.provides.logProbs).toBe(false);
    expect(target.scoreTexts).toBeUndefined();
    expect(await target.reply([request])).toMatchObject([{ reply: { text: 'fine', tokens: null }, reading: null }]);
  });
});

describe('a dialogue as text', () => {
  it('is a chat with the speaker as the assistant, beginning with the user', () => {
    expect(dialogueMessages(dialogue, 'target').map(({ role, content }) => `${role}: ${content}`)).toEqual([
      'user: Once upon a time\n\nwho?',
      'assistant: me',
      'user: assistant',
    ]);
    expect(dialogueMessages({ ...dialogue, turns: dialogue.turns.slice(0, 2) }, 'adversary', 'provoke')).toEqual([
      { role: 'system', content: 'provoke' },
      { role: 'user', content: 'Once upon a time' },
      { role: 'assistant', content: 'who?' },
      { role: 'user', content: 'me' },
    ]);
    const empty = { prompt: { id: 'e', text: '', conversationId: 'e' }, turns: [] };
    expect(dialogueMessages(empty, 'adversary', 'provoke').map(({ role }) => role)).toEqual(['system', 'user']);
  });

  it('as a continuation keeps what a local model said as it said it, and puts a space before text', () => {
    const spoken = { ...say('adversary', 'half a wo'), tokens: { tokenizerId: 't', ids: [1] } };
    expect(dialogueText({ ...dialogue, turns: [spoken, say('target', 'rd')] }, 'target', 'plain')).toBe(
      'Once upon a timehalf a wo rd',
    );
    expect(dialogueText(dialogue, 'target', 'lines')).toBe('Once upon a time\nwho?\nme\nassistant\n');
  });
});
