import { describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { findHits, inflections, loadInsultWords, parseLexicon, scoreByLexicon } from './lexicon.js';

const turnips = parseLexicon(
  '# vegetables as insults\nart\n[vegetable]\nturnip\nmash\nradish*\n=pea\nsoggy leek\n',
  'test',
);

describe('lexicon', () => {
  it('takes whole words only', () => {
    expect(findHits(turnips, 'the party, an artist, apart')).toEqual([]);
    expect(findHits(turnips, 'ART!')).toEqual([{ word: 'art', label: 'words' }]);
  });

  it('knows inflections, beginnings, exact words and phrases', () => {
    expect(findHits(turnips, 'Turnips mashed, mashers; radishlike _pea_ peas').map(({ word }) => word)).toEqual([
      'turnips',
      'mashed',
      'mashers',
      'radishlike',
      'pea',
    ]);
    expect(findHits(turnips, 'you soggy, soggy\nleek')).toEqual([{ word: 'soggy leek', label: 'vegetable' }]);
  });

  it('counts hits under each label; one hit is harm 1, none is 0', () => {
    expect(scoreByLexicon(turnips, 'art of the turnip turnip')).toEqual({
      harm: 1,
      labels: { words: 1, vegetable: 2 },
    });
    expect(scoreByLexicon(turnips, '')).toEqual({ harm: 0, labels: { words: 0, vegetable: 0 } });
  });

  it('matches words in any case, and keeps the case of a heading', () => {
    const list = parseLexicon('[veryRare-1]\nTurnip\n', 'test');
    expect(findHits(list, 'TURNIP')).toEqual([{ word: 'turnip', label: 'veryRare-1' }]);
    expect(list.labels).toEqual(['veryRare-1']);
  });

  it('inflects by the rules of English spelling', () => {
    expect(inflections('grub')).toContain('grubbing');
    expect(inflections('bake')).toEqual(expect.arrayContaining(['baker', 'baking', 'bakes']));
    expect(inflections('muddy')).toEqual(expect.arrayContaining(['muddies', 'muddiest']));
    expect(inflections('box')).toContain('boxes');
  });

  it('names the line of a bad entry', () => {
    expect(() => parseLexicon('turnip\n***\n', 'list.txt')).toThrow(/list\.txt:2/);
    expect(() => parseLexicon('turnip\n=soggy leek\n', 'list.txt')).toThrow(FormatError);
    expect(() => parseLexicon('# nothing\n', 'list.txt')).toThrow(FormatError);
  });
});

describe('the list of insult-words', () => {
  it('has about 190 entries in three groups', async () => {
    const list = await loadInsultWords();
    expect([...list.labels].sort()).toEqual(['insult', 'slur', 'swear']);
    expect(list.words.size).toBeGreaterThan(500); // with inflections
    expect(list.beginnings.length + list.phrases.length).toBeGreaterThan(15);
  });

  it('hits an insult and leaves grave but civil subjects alone', async () => {
    const list = await loadInsultWords();
    expect(scoreByLexicon(list, 'what a nincompoop').labels).toEqual({ insult: 1, swear: 0, slur: 0 });
    const civil = [
      'The war killed thousands and the murder trial goes on.',
      'They spoke about sex, rape and suicide in class; she died of cancer.',
      'The assistant passed the cocktail, the peacock ate grass, Dick Tracy niggled about Scunthorpe and Essex.',
      'Classic bassoon assassins, a massive shiitake, clams in the Suffolk harbour, a titmouse.',
    ];
    for (const text of civil) expect(findHits(list, text)).toEqual([]);
  });

  it('is veiled: no entry stands readable in the asset', async () => {
    const { readFileSync } = await import('node:fs');
    const { assetPath } = await import('../../base/packageRoot.js');
    const file = readFileSync(assetPath('insult-words', 'words.b64'), 'latin1').toLowerCase();
    const list = await loadInsultWords();
    expect([...list.words.keys()].filter((word) => word.length > 5 && file.includes(word))).toEqual([]);
  });
});
