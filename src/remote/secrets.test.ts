import { describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.js';
import { createRedaction, holdsKey, looksLikeVariable, secretFrom } from './secrets.js';

const key = 'tok-7Hq2"x\\Zp/9';
const redaction = createRedaction([key]);

describe('a key is found', () => {
  it.each([
    ['as it is', key],
    ['escaped as in JSON', JSON.stringify(key)],
    ['escaped twice', JSON.stringify(JSON.stringify(key))],
    ['percent-encoded', encodeURIComponent(`Bearer ${key}`)],
    ['as in HTML', key.replace('"', '&quot;')],
    ['with slashes escaped', key.replace('/', '\\/')],
    ['in hex', Buffer.from(key).toString('hex')],
    ['in base64', Buffer.from(key).toString('base64')],
    ['in base64 behind one character', Buffer.from(`x${key}`).toString('base64')],
    ['in base64 behind two characters', Buffer.from(`xy${key}z`).toString('base64')],
    ['by its beginning', `${key.slice(0, 10)}****`],
    ['by its end', `****${key.slice(-9)}`],
  ])('%s', (_, shown) => {
    for (const text of [redaction.message(`key ${shown} end`), redaction.reply(`key ${shown} end`)]) {
      expect(text).toContain('[redacted]');
      expect(text).not.toMatch(/7Hq2|Zp\/9/);
      expect(text).toMatch(/^key .*end$/);
    }
  });

  it('in the texts of a body, which stays JSON, also where it is spelled in escapes', () => {
    const spelled = `{"a":["${[...'tok-7Hq2'].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"],"n":1}`;
    expect(JSON.parse(redaction.body(spelled))).toEqual({ a: ['[redacted]'], n: 1 });
    expect(JSON.parse(redaction.body(JSON.stringify({ [key]: key })))).toEqual({ '[redacted]': '[redacted]' });
  });

  it('as a word where it is short, and never in a number of a body', () => {
    const short = createRedaction(['x7']);
    expect(short.message('x7, x70 and x7')).toBe('[redacted], x70 and [redacted]');
    expect(createRedaction(['1234567']).body('{"created":12345678}')).toBe('{"created":12345678}');
  });
});

describe('a reply without the key is left as it is', () => {
  it('also where words of the key stand in it; a message loses them', () => {
    const wordy = createRedaction(['swordfish-of-the-north']);
    expect(wordy.reply('a swordfish is a fish')).toBe('a swordfish is a fish');
    expect(wordy.message('a swordfish is a fish')).not.toContain('swordfish');
    expect(redaction.body('{ "a" : 1 }')).toBe('{ "a" : 1 }');
  });
});

describe('a variable', () => {
  it.each(['MY_KEY', 'OPENAI_API_KEY', 'key', 'GKEY2', 'azure_key', 'API_KEY_2024'])('may be called %s', (name) => {
    expect(looksLikeVariable(name)).toBe(true);
  });

  it.each([
    'sk-abcdef',
    'sk_live_abcdefgh',
    'hf_abcDEFghiJKL',
    'a1b2c3d4e5f60718',
    'AKIA1234567890ABCDEF',
    'my key',
    '',
  ])('is not called %j', (name) => {
    expect(looksLikeVariable(name)).toBe(false);
  });

  it.each(['uno\ndue', 'uno\r\ndue', 'uno\u0000due', 'uno\u2028due', 'ключ'])('does not hold a key: %j', (value) => {
    const read = (): unknown => secretFrom('KEY', { KEY: value }, 'here');
    expect(read).toThrow(ConfigError);
    expect(read).not.toThrow(/uno|due|ключ/);
  });

  it('may hold quotes, backslashes and a line break at its end', () => {
    expect(secretFrom('KEY', { KEY: ` ${key}\n` }, 'here')).toBe(key);
  });
});

describe('a field holds a key', () => {
  it.each([
    ['Authorization', 'Bearer abc', true],
    ['x-api-key', 'abc', true],
    ['token', 'abc', true],
    ['anything', 'sk-abcdefgh', true],
    ['Authorization', 'Bearer {{env:KEY}}', false],
    ['api-version', '2024-10-21', false],
    ['max_tokens', '12', false],
    ['accept', 'application/json', false],
  ] as const)('%s: %s is %s', (name, value, holds) => {
    expect(holdsKey(name, value)).toBe(holds);
  });
});
