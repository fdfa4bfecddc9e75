import { describe, expect, it } from 'vitest';
import { ConfigError, TargetError } from '../base/errors.js';
import { environmentValues, fillTemplate, fillUrl, unfilledPlaces } from './template.js';
import { valueAt } from './valueAt.js';

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

describe('a variable of the environment', () => {
  it('fills headers, bodies and addresses, trimmed; in an address it is percent-encoded', () => {
    const template = { Authorization: 'Bearer {{env:KEY}}', pair: ['{{ env:KEY }}/{{env:OTHER}}', '{{text}}'] };
    const values = environmentValues(template, { KEY: ' abc\n', OTHER: 'd/f' }, 'here');
    expect(values).toEqual({ 'env:KEY': 'abc', 'env:OTHER': 'd/f' });
    expect(fillTemplate(template, { ...values, text: '{{env:KEY}}' })).toEqual({
      Authorization: 'Bearer abc',
      pair: ['abc/d/f', '{{env:KEY}}'],
    });
    expect(fillUrl('http://h/x?key={{env:OTHER}}', values)).toBe('http://h/x?key=d%2Ff');
  });

  it.each([{}, { KEY: '' }, { KEY: ' ' }])('is refused by name while it is empty: %j', (environment) => {
    expect(() => environmentValues('{{env:KEY}}', environment, 'http.headers')).toThrow(ConfigError);
    expect(() => environmentValues('{{env:KEY}}', environment, 'http.headers')).toThrow(/http\.headers[^]*export KEY=/);
  });

  it('of two lines is refused without its value', () => {
    const refused = (): unknown => environmentValues('{{env:KEY}}', { KEY: 'first\nsecond' }, 'http.headers');
    expect(refused).toThrow(/line break/);
    expect(refused).not.toThrow(/first|second/);
  });
});

describe('places that nothing fills', () => {
  it.each([
    [{ a: 'x {{conversation}} {{text}}' }, ['conversation']],
    [{ a: ['{{ env:TOKEN }}', { b: '{{env:}}' }] }, ['env:…']],
    [{ '{{text}}': 1 }, ['text']],
    [{ a: '{{user.id}} {{user.id}}' }, ['user.id']],
    [{ a: '{{}}' }, ['']],
    [{ a: '{ {x}}', b: '{{text}}' }, []],
  ])('of %j are %j', (template, places) => {
    expect(unfilledPlaces(template, ['text'])).toEqual(places);
  });

  it('that hold a key where a name belongs are told without it', () => {
    expect(unfilledPlaces('{{env:sk-abcdef0123456789}}', [])).toEqual(['env:…']);
  });
});

describe('a path into an answer', () => {
  const answer = { choices: [{ message: { content: 'hi', refusal: null } }] };

  it('goes through objects and lists', () => {
    expect(valueAt(answer, 'choices.0.message.content', 'here')).toBe('hi');
    expect(valueAt(answer, 'choices.0.message.refusal', 'here')).toBeNull();
  });

  it('takes * for every entry of a list, and a backslash before a dot of a name', () => {
    expect(valueAt([{ text: 'a' }, { text: 'b' }], '*.text', 'here')).toEqual(['a', 'b']);
    expect(valueAt({ 'v1.0': { '': 'x' } }, 'v1\\.0.', 'here')).toBe('x');
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
