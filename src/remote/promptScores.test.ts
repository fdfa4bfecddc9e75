import { describe, expect, it } from 'vitest';
import { TargetError } from '../base/errors.js';
import { readPromptScores, scoringFields } from './promptScores.js';
import type { PromptRequest } from './types.js';

const text: PromptRequest = { kind: 'text', prompt: 'The cat' };
const chat: PromptRequest = { kind: 'chat', messages: [{ role: 'user', content: 'The cat' }] };
const vllm = (list: unknown, asked: PromptRequest = text): unknown =>
  readPromptScores(JSON.stringify({ prompt_logprobs: list, choices: [{}] }), 'vllm', asked, 'here').value;
const echo = (
  tokens: readonly string[],
  token_logprobs: readonly (number | null)[],
  asked: PromptRequest = text,
): unknown =>
  readPromptScores(JSON.stringify({ choices: [{ logprobs: { tokens, token_logprobs } }] }), 'echo', asked, 'here')
    .value;

describe('scores of a prompt from prompt_logprobs', () => {
  const list = [null, { 17: { logprob: -1.5, decoded_token: ' cat' } }];

  it('are one per token; the first has none', () => {
    const expected = [
      { text: '', logProb: null },
      { text: ' cat', logProb: -1.5 },
    ];
    expect(vllm(list)).toEqual(expected);
    expect(vllm(list, chat)).toEqual(expected);
    const inChoice = JSON.stringify({ choices: [{ prompt_logprobs: list }] });
    expect(readPromptScores(inChoice, 'vllm', chat, 'here').value).toEqual(expected);
  });

  it.each([
    ['no list', null],
    ['an empty list', []],
    ['a later token without a score', [...list, null]],
    [
      'two tokens at one place',
      [null, { 1: { logprob: -1, decoded_token: 'a' }, 2: { logprob: -2, decoded_token: 'b' } }],
    ],
    ['a token without its text', [null, { 1: { logprob: -1 } }]],
  ])('are unknown for %s', (_, given) => {
    expect(vllm(given)).toBeNull();
  });

  it('above 0 are refused: a log-probability cannot be', () => {
    expect(() => vllm([null, { 1: { logprob: 0.5, decoded_token: 'a' } }])).toThrow(TargetError);
  });
});

describe('scores of a prompt from an echo', () => {
  it('end with the prompt: what was generated is cut off', () => {
    expect(echo(['The', ' cat', ' sat'], [null, -2, -3])).toEqual([
      { text: 'The', logProb: null },
      { text: ' cat', logProb: -2 },
    ]);
  });

  it.each([
    ['tokens that are not the prompt', ['A', ' cat'], [null, -2]],
    ['a token across the end of the prompt', ['The', ' cats'], [null, -2]],
    ['lists of different lengths', ['The', ' cat'], [null]],
    ['a later token without a score', ['The', ' cat'], [null, null]],
    ['too few tokens', ['The'], [null]],
  ] as const)('are unknown for %s', (_, tokens, logProbs) => {
    expect(echo(tokens, logProbs)).toBeNull();
  });

  it('are unknown for chats, whose template stands between', () => {
    expect(echo(['The', ' cat'], [null, -2], chat)).toBeNull();
  });
});

describe('the tokens of such a request', () => {
  const tokens = (extra: object, asked: PromptRequest = text): unknown =>
    readPromptScores(JSON.stringify({ choices: [{}], ...extra }), 'vllm', asked, 'here').tokens;

  it('are those that the server counts', () => {
    expect(tokens({ usage: { prompt_tokens: 9, completion_tokens: 2 } })).toEqual({ prompt: 9, completion: 2 });
  });

  it('are guessed from the text otherwise, a token per four characters', () => {
    expect(tokens({})).toEqual({ prompt: 2, completion: 1 });
    expect(tokens({}, chat)).toEqual({ prompt: 2, completion: 1 });
  });
});

it('each dialect asks in its own fields', () => {
  expect(scoringFields('vllm')).toEqual({ prompt_logprobs: 0 });
  expect(scoringFields('echo')).toEqual({ echo: true, logprobs: 1 });
});
