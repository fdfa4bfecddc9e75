import { describe, expect, it } from 'vitest';
import { type AnswerContext, readChatAnswer, readCompletionAnswer } from './answers.js';
import { chatAnswer, completionAnswer } from './testing/fakeServer.js';
import type { RemoteReply } from './types.js';

const notices: string[] = [];
const context: AnswerContext = {
  where: 'http://here/chat/completions',
  names: ['small'],
  maxTokens: 20,
  askedCharacters: 40,
  wantsLogProbs: false,
  notice: (text) => notices.push(text),
};
const chat = (choice: object, rest: object = {}): RemoteReply =>
  readChatAnswer(JSON.stringify(chatAnswer('', { choices: [choice], ...rest })), context).value;
const message = (fields: object, finish_reason: unknown = 'stop'): object => ({ finish_reason, message: fields });

describe('an answer without a text that can be read is no reply, with its reason', () => {
  const thought = 'The user greets me, so I';
  it.each([
    ['reasoningLimit', message({ content: '', reasoning_content: thought }, 'length')],
    ['reasoningLimit', message({ reasoning: thought }, 'MAX_TOKENS')],
    ['reasoningOnly', message({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: thought }] }] })],
    ['emptyAtLimit', message({ content: '' }, 'length')],
    ['contentFilter', message({ content: null }, 'content_filter')],
    ['contentFilter', message({ content: '' }, 'PROHIBITED_CONTENT')],
    ['toolCall', message({ content: '', tool_calls: [{ id: 'a', type: 'function', function: { name: 'look' } }] })],
    ['toolCall', message({ content: null }, 'tool_use')],
    ['refusal', message({ content: null, refusal: 'Not this one.' })],
    ['refusal', message({ content: [{ type: 'refusal', refusal: 'Not this one.' }] })],
    ['empty', message({ content: '\n\t ' })],
    ['empty', message({ content: '\u200b\u2060\ufe0f\u00ad' })],
    ['empty', message({ content: null })],
    ['empty', { finish_reason: 'stop', message: null }],
    ['empty', message({ content: [] })],
    ['form', message({ content: 5 })],
    ['form', message({ content: { words: 'hi' } })],
  ])('%s: %j', (cause, choice) => {
    expect(chat(choice)).toEqual({ kind: 'noReply', cause, reason: expect.stringMatching(/^no reply: /) as string });
  });

  it('also where no choice came, and where a continuation is empty', () => {
    expect(chat({}, { choices: [] })).toMatchObject({ kind: 'noReply', cause: 'empty' });
    expect(chat({}, { choices: null })).toMatchObject({ kind: 'noReply', cause: 'empty' });
    const empty = completionAnswer('', { choices: [{ text: '', finish_reason: 'stop' }] });
    expect(readCompletionAnswer(JSON.stringify(empty), context).value).toMatchObject({ kind: 'noReply' });
  });

  it('tokens of thoughts that only the count tells of are thoughts', () => {
    const usage = { prompt_tokens: 9, completion_tokens: 20, completion_tokens_details: { reasoning_tokens: 20 } };
    expect(chat(message({ content: '' }, 'length'), { usage })).toMatchObject({ cause: 'reasoningLimit' });
  });
});

describe('a text is a reply', () => {
  it('whatever the form in which it comes, and the thoughts beside it are told apart', () => {
    for (const content of [
      'hi you',
      [
        { type: 'text', text: 'hi ' },
        { type: 'output_text', text: 'you' },
        { type: 'citation', text: null },
      ],
      { type: 'text', text: 'hi you' },
      ['hi ', 'you'],
    ])
      expect(chat(message({ content, reasoning: 'hm' }))).toMatchObject({
        kind: 'reply',
        text: 'hi you',
        reasoning: 'hm',
      });
  });

  it.each([
    ['stop', 'stop'],
    ['STOP', 'stop'],
    ['end_turn', 'stop'],
    [null, 'stop'],
    ['', 'stop'],
    ['because', 'stop'],
    ['tool_calls', 'stop'],
    ['max_output_tokens', 'length'],
    ['Max-Tokens', 'length'],
  ])('that ended by %j ended by %s', (said, finishReason) => {
    expect(chat(message({ content: 'hi' }, said))).toMatchObject({ kind: 'reply', text: 'hi', finishReason });
  });

  it('of as many tokens as were allowed was cut, where the server does not say why it ended', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 20 };
    expect(chat(message({ content: 'hi' }, null), { usage })).toMatchObject({ finishReason: 'length' });
  });

  it('that ended for a reason which is not known, or beside a call of a tool, is told of', () => {
    notices.length = 0;
    chat(message({ content: 'hi' }, 'weary'));
    chat(message({ content: 'hi' }, null));
    chat(message({ content: 'hi', tool_calls: [{}] }));
    expect(notices).toEqual([
      expect.stringContaining('"weary"'),
      expect.stringContaining('does not say why'),
      expect.stringContaining('call tools'),
    ]);
  });

  it('that a content filter cut is marked', () => {
    expect(chat(message({ content: 'hi' }, 'content_filter'))).toMatchObject({ kind: 'reply', filtered: true });
  });

  it('is the first choice by its number', () => {
    const choices = [
      { index: 1, ...message({ content: 'second' }) },
      { index: 0, ...message({ content: 'first' }) },
    ];
    expect(chat({}, { choices })).toMatchObject({ text: 'first' });
  });
});

it('an answer that is nested without end is refused, not run into', () => {
  for (const body of ['['.repeat(50_000) + ']'.repeat(50_000), '{"choices":'.repeat(5000) + '1' + '}'.repeat(5000)])
    expect(() => readChatAnswer(body, context)).toThrow(/nested too deeply/);
});

describe('counts of tokens', () => {
  it.each([
    [
      { prompt_tokens: '7', completion_tokens: '2' },
      { prompt: 7, completion: 2 },
    ],
    [
      { prompt_tokens: 7.0, completion_tokens: 2.5 },
      { prompt: 7, completion: 3 },
    ],
    [{ prompt_tokens: null }, { prompt: 10, completion: 3 }],
    [{ total_tokens: 9 }, { prompt: 10, completion: 3 }],
    [
      { prompt_tokens: -2, completion_tokens: -2 },
      { prompt: 10, completion: 3 },
    ],
    [
      { prompt_tokens: 0, completion_tokens: 0 },
      { prompt: 10, completion: 3 },
    ],
    [{}, { prompt: 10, completion: 3 }],
    ['many', { prompt: 10, completion: 3 }],
    [null, { prompt: 10, completion: 3 }],
  ])('%j are %j: what is missing or cannot be is guessed', (usage, tokens) => {
    const body = chatAnswer('ten or 11 ch', { usage });
    expect(readChatAnswer(JSON.stringify(body), context).tokens).toEqual(tokens);
  });

  it('take thoughts for no part of what the limit is for', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 200, completion_tokens_details: { reasoning_tokens: 190 } };
    expect(chat(message({ content: 'hi' }), { usage })).toMatchObject({ text: 'hi' });
    expect(() => chat(message({ content: 'hi' }), { usage: { completion_tokens: 200 } })).toThrow(/more tokens/);
  });
});

describe('what stands around an answer', () => {
  const json = JSON.stringify(chatAnswer('hi'));
  it.each([
    ['a byte-order mark', `\uFEFF${json}`],
    ['blank lines', `\r\n \n\n${json}`],
    ['comments that keep the connection open', `: working\n\n: still working\n\n${json}`],
  ])('%s is passed over', (_, body) => {
    expect(readChatAnswer(body, context).value).toMatchObject({ text: 'hi' });
  });

  it('events of a stream are one answer, with thoughts, log-probabilities and usage', () => {
    const events = [
      { model: 'small', choices: [{ index: 0, delta: { role: 'assistant', reasoning: 'h' } }] },
      { choices: [{ index: 0, delta: { reasoning: 'm' } }] },
      { choices: [{ index: 0, delta: { content: 'hi ' }, logprobs: { content: [{ token: 'hi ', logprob: -1 }] } }] },
      { choices: [{ index: 0, delta: { content: 'you' }, logprobs: { content: [{ token: 'you', logprob: -2 }] } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: 'length' }] },
      { choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } },
    ];
    const body = [...events.map((event) => `data: ${JSON.stringify(event)}`), 'data: [DONE]', ''].join('\n\n');
    const { value, tokens } = readChatAnswer(body, { ...context, wantsLogProbs: true });
    expect(value).toMatchObject({ text: 'hi you', reasoning: 'hm', finishReason: 'length' });
    expect(value.kind === 'reply' && value.tokens?.map(({ logProb }) => logProb)).toEqual([-1, -2]);
    expect(tokens).toEqual({ prompt: 4, completion: 2 });
  });
});
