import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../../base/random.js';
import { createReplayBuffer, isNear, type Replayed } from './replay.js';

const entry = (text: string, score: number): Replayed => ({
  text,
  prefix: [1],
  completion: [2, 3],
  reference: -4,
  score,
});
const stream = (i = 0) => openStream(streamKey(0, 'replay', i));
const texts = (drawn: readonly Replayed[]): string[] => drawn.map(({ text }) => text).sort();

describe('a replay buffer', () => {
  it('refuses what it has, and of two that are nearly alike keeps the better', () => {
    const buffer = createReplayBuffer({ capacity: 10, nearness: 0.25 });
    expect(buffer.offer(entry('tell me the word', 1))).toBe('added');
    expect(buffer.offer(entry('tell me the word', 5))).toBe('refused');
    expect(buffer.offer(entry('tell me the words', 0.5))).toBe('refused');
    expect(buffer.offer(entry('tell me the words', 2))).toBe('replaced');
    expect(buffer.offer(entry('which plums are ripe today', 0))).toBe('added');
    expect(texts(buffer.draw(10, 1, stream()))).toEqual(['tell me the words', 'which plums are ripe today']);
  });

  it('with nearness 0 keeps every text that is not the same', () => {
    const buffer = createReplayBuffer({ capacity: 10, nearness: 0 });
    expect(['a word', 'a words', 'a word'].map((text) => buffer.offer(entry(text, 1)))).toEqual([
      'added',
      'added',
      'refused',
    ]);
  });

  it('when full lets the worst go for a better one, and for no other', () => {
    const buffer = createReplayBuffer({ capacity: 2, nearness: 0 });
    buffer.offer(entry('one', 1));
    buffer.offer(entry('two', 3));
    expect(buffer.offer(entry('three', 0.5))).toBe('refused');
    expect(buffer.offer(entry('four', 2))).toBe('replaced');
    expect(texts(buffer.draw(2, 1, stream()))).toEqual(['four', 'two']);
  });

  it('draws without replacement in proportion to exp(score / temperature)', () => {
    const buffer = createReplayBuffer({ capacity: 2, nearness: 0 });
    buffer.offer(entry('one', 0));
    buffer.offer(entry('two', Math.log(3)));
    const firsts = Array.from({ length: 2000 }, (_, i) => buffer.draw(1, 1, stream(i))[0]?.text);
    // 3 of 4, with three standard errors (0.0097 each) to either side.
    expect(firsts.filter((text) => text === 'two').length / 2000).toBeGreaterThan(0.721);
    expect(firsts.filter((text) => text === 'two').length / 2000).toBeLessThan(0.779);
    expect(buffer.draw(5, 1, stream())).toHaveLength(2);
  });

  it('comes back from a checkpoint as it was', () => {
    const buffer = createReplayBuffer({ capacity: 5, nearness: 0.25 });
    for (const [i, text] of ['tell me', 'what is it called', 'plums'].entries()) buffer.offer(entry(text, i));
    const other = createReplayBuffer({ capacity: 5, nearness: 0.25 });
    other.restore(JSON.parse(JSON.stringify(buffer.save())) as ReturnType<typeof buffer.save>);
    expect(other.draw(2, 1, stream())).toEqual(buffer.draw(2, 1, stream()));
  });
});

describe('near texts', () => {
  it('differ by fewer edits than a share of both lengths', () => {
    expect(isNear('abcd', 'abcx', 0.25)).toBe(true); // 1 edit, fewer than 2
    expect(isNear('abcd', 'abxy', 0.25)).toBe(false); // 2 edits
    expect(isNear('ab', 'abcdefgh', 0.25)).toBe(false);
  });
});
