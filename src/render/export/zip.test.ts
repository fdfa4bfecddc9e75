import { describe, expect, it } from 'vitest';
import { unzip } from '../testing/unzip.js';
import { zip } from './zip.js';

describe('zip', () => {
  it('holds every entry under its name, and gives the same bytes for the same content', () => {
    const entries = [
      { name: 'samples/ä.json', text: '{"a":"ö 🦆"}' },
      { name: 'empty', text: '' },
      { name: 'long', text: 'again and '.repeat(20_000) },
    ];
    const archive = zip(entries);
    expect(unzip(archive)).toEqual(Object.fromEntries(entries.map(({ name, text }) => [name, text])));
    expect(archive.length).toBeLessThan(2_000);
    expect(zip(entries)).toEqual(archive);
    expect(unzip(zip([]))).toEqual({});
  });

  it('refuses more than the format holds', () => {
    expect(() => zip(Array.from({ length: 65_535 }, (_, i) => ({ name: String(i), text: '' })))).toThrow(
      '65535 entries',
    );
  });
});
