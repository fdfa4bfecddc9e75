import { describe, expect, it } from 'vitest';
import { ConfigError, TargetError } from '../base/errors.js';
import { fillHeaders, fillTemplate, valueAt } from './template.js';

describe('a body with slots', () => {
  it('holds the value itself where a text is nothing but a slot, and its text within other text', () => {
    const template = {
      list: '{{ messages }}',
      n: '{{n}}',
      deep: [{ say: 'I say {{text}}, {{n}} times: {{messages}}' }],
    };
    const messages = [{ role: 'user', content: 'hi' }];
    expect(fillTemplate(template, { messages, n: 3, text: '"hi"' })).toEqual({
      list: messages,
      n: 3,
      deep: [{ say: 'I say "hi", 3 times: [{"role":"user","content":"hi"}]' }],
    });
  });

  it('is copied where it has no slot, and keys are no slots', () => {
    const template = { '{{text}}': null, plain: [1, true, 'x { {text}}'] };
    const filled = fillTemplate(template, { text: 'hi' });
    expect(filled).toEqual(template);
    expect(filled).not.toBe(template);
  });

  it('does not fill slots that a value brings along', () => {
    expect(fillTemplate('{{text}} {{secret}}', { text: '{{secret}}', secret: 's' })).toBe('{{secret}} s');
    expect(fillTemplate('say {{text}}', { text: "$& $1 $'" })).toBe("say $& $1 $'");
  });
});

describe('headers', () => {
  it('take variables of the environment, trimmed, and name what no message may show', () => {
    const { headers, secrets } = fillHeaders(
      { Authorization: 'Bearer {{env:KEY}}', 'X-Pair': '{{ env:KEY }}/{{env:OTHER}}', Accept: 'text/plain' },
      { KEY: ' abc\n', OTHER: 'def' },
    );
    expect(headers).toEqual({ authorization: 'Bearer abc', 'x-pair': 'abc/def', accept: 'text/plain' });
    expect(new Set(secrets)).toEqual(new Set(['abc', 'def']));
  });

  it.each([{}, { KEY: '' }, { KEY: ' ' }])('are refused by name while the variable is empty: %j', (environment) => {
    expect(() => fillHeaders({ 'X-Key': '{{env:KEY}}' }, environment)).toThrow(ConfigError);
    expect(() => fillHeaders({ 'X-Key': '{{env:KEY}}' }, environment)).toThrow(/http\.headers\.X-Key[^]*export KEY=/);
  });
});

describe('a path into an answer', () => {
  const answer = { choices: [{ message: { content: 'hi', refusal: null } }] };

  it('goes through objects and lists', () => {
    expect(valueAt(answer, 'choices.0.message.content', 'here')).toBe('hi');
    expect(valueAt(answer, 'choices.0.message.refusal', 'here')).toBeNull();
  });

  it.each([
    ['choices.1.message', /choices\.1\)[^]*a list of 1/],
    ['choices.0.text', /choices\.0\.text\)[^]*message/],
    ['choices.0.message.content.0', /string/],
    ['constructor', /constructor/],
    ['choices.length.x', /choices/],
  ])('%s leads nowhere, and the message says where it ends and what is there', (path, message) => {
    expect(() => valueAt(answer, path, 'here')).toThrow(TargetError);
    expect(() => valueAt(answer, path, 'here')).toThrow(message);
  });
});
