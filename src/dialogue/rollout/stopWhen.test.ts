import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { promptsOf } from '../testing/prompts.js';
import { scriptedAdversary, scriptedTarget, thornJudge } from '../testing/scripted.js';
import { rolloutLinear } from './linear.js';
import { saysOneOf } from './stopWhen.js';

const says = (text: string, ...words: readonly string[]): boolean => saysOneOf([{ text }], words);

describe('a word that ends a dialogue', () => {
  it('counts by itself, in any case, and never within another word', () => {
    expect(says('Well, BYE!', 'bye')).toBe(true);
    expect(says('good-bye', 'bye')).toBe(true);
    expect(says('the bygone byes of a leaflet', 'bye', 'leave')).toBe(false);
    expect(says('It was left-over', 'left the conversation')).toBe(false);
    expect(says('She left  the\nconversation.', 'left the conversation')).toBe(true);
    expect(says('Adieué', 'adieu')).toBe(false);
  });

  it('may be a mark, which stands anywhere, and means nothing as a pattern', () => {
    expect(says('so[END]', '[END]')).toBe(true);
    expect(says('END', '[END]')).toBe(false);
    expect(says('anything', '.*')).toBe(false);
    expect(says('anything', ' ')).toBe(false);
    expect(says('anything')).toBe(false);
  });
});

describe('a rollout with words that end it', () => {
  it('plays the exchange in which one is said whole, and no further; other dialogues are as without them', async () => {
    const prompts = promptsOf(3);
    const stream = streamKey(0, 'stop');
    const play = (leaver: string | null, stopWhen: readonly string[]) => {
      const adversary = scriptedAdversary(({ dialogue: { prompt, turns } }, draw) =>
        prompt.id === leaver && turns.length === 2 ? 'I leave' : `rain ${String(draw.integer(1000))}`,
      );
      const cast = { adversary, target: scriptedTarget(), judge: thornJudge(), reward: { reply: 1 } };
      return rolloutLinear({ ...cast, prompts, turns: 4, stream, stopWhen });
    };
    const leaver = prompts[1]?.id ?? '';
    const [first, second, third] = await play(leaver, ['leave']);
    expect([first, second, third].map((each) => each?.scores.length)).toEqual([4, 2, 4]);
    expect(second?.dialogue.turns.map(({ author }) => author)).toEqual(['adversary', 'target', 'adversary', 'target']);
    const [plain, , last] = await play(null, []);
    expect([first, third]).toEqual([plain, last]);
  });
});
