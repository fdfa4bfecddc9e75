import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodePieces } from './pieces.js';
import { loadTokenizer } from './tokenizer.js';

const load = (kind: string): ReturnType<typeof loadTokenizer> =>
  loadTokenizer({
    tokenizerJson: JSON.parse(
      readFileSync(new URL(`../../../tests/golden/tokenizer/${kind}.json`, import.meta.url), 'utf8'),
    ),
    tokenizerConfig: {},
  });

describe('pieces of a long text', () => {
  it.each(['bert', 'llama', 'smollm'])(
    'of a %s tokenizer each begin and end as a text of its own does, and hold all its tokens in order',
    (kind) => {
      const tokenizer = load(kind);
      const text = 'The boats counted on the harbour master, and the geese on 12345 ducks.';
      const bare = tokenizer.encode(text, { addSpecialTokens: false });
      const [first = [], added] = [
        tokenizer.encode('geese'),
        tokenizer.encode('geese').length - tokenizer.encode('geese', { addSpecialTokens: false }).length,
      ];
      const pieces = encodePieces(tokenizer, text, 8);
      expect(pieces).toHaveLength(Math.ceil(bare.length / (8 - added)));
      for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(8);
      const front = kind === 'smollm' ? 0 : 1;
      const back = added - front;
      for (const piece of pieces) {
        expect(piece.slice(0, front)).toEqual(first.slice(0, front));
        expect(piece.slice(piece.length - back)).toEqual(first.slice(first.length - back));
      }
      expect(pieces.flatMap((piece) => piece.slice(front, piece.length - back))).toEqual(bare);
    },
  );

  it('are the whole text when it fits, and none when it has no token of its own', () => {
    const tokenizer = load('bert');
    expect(encodePieces(tokenizer, 'geese', 100)).toEqual([tokenizer.encode('geese')]);
    expect(encodePieces(tokenizer, ' \n', 100)).toEqual([]);
  });
});
