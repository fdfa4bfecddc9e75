import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { Prompt } from '../../dialogue/types.js';
import { createPromptListAdversary, openingsOf } from './promptList.js';

const utterances = ['one', 'two', 'three', 'four'];
const said = [utteranceOf('adversary', 'u'), utteranceOf('target', 'r')];

/** Returns what the adversary says to each of these prompts after this many exchanges. */
async function spokenTo(prompts: readonly Prompt[], asked = prompts, exchanges = 0): Promise<readonly string[]> {
  const adversary = createPromptListAdversary({ name: 'list', utterances, prompts });
  const turns = Array.from({ length: exchanges }, () => said).flat();
  const stream = streamKey(1, 'list');
  const spoken = await adversary.speak(asked.map((prompt) => ({ dialogue: { prompt, turns }, stream })));
  return spoken.map(({ text }) => text);
}

describe('an adversary that reads from a list', () => {
  const openings = openingsOf(utterances);

  it('says each entry once to the openings of its list, and goes on from there', async () => {
    expect(await spokenTo(openings)).toEqual(['one', 'two', 'three', 'four']);
    expect(await spokenTo(openings, openings, 1)).toEqual(['two', 'three', 'four', 'one']);
  });

  it('says the same entry to an opening in any subset and order of the openings', async () => {
    expect(await spokenTo([...openings].reverse())).toEqual(['four', 'three', 'two', 'one']);
    expect(await spokenTo(openings.slice(2))).toEqual(['three', 'four']);
    expect(await spokenTo([], openings)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('starts with another prompt at its place, whatever its text', async () => {
    const prompts = ['x', 'entry', 'entry-0', 'my entry-1'].map((id) => promptOf(id));
    expect(await spokenTo(prompts)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('goes on at every turn, so that 96 prompts of three turns use 26 entries about equally often', async () => {
    const asks = Array.from({ length: 26 }, (_, i) => `ask ${String(i)}`);
    const prompts = Array.from({ length: 96 }, (_, i) => promptOf(`p${String(i)}`, `p${String(i)}`));
    const adversary = createPromptListAdversary({ name: 'list', utterances: asks, prompts });
    const counts = new Map<string, number>();
    for (const turn of [0, 1, 2]) {
      const turns = Array.from({ length: turn }, () => said).flat();
      const stream = streamKey(1, 'list');
      const spoken = await adversary.speak(prompts.map((prompt) => ({ dialogue: { prompt, turns }, stream })));
      for (const { text } of spoken) counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    // 288 utterances: 11.1 per entry.
    expect(counts.size).toBe(26);
    for (const count of counts.values()) expect([9, 10, 11, 12]).toContain(count);
  });

  it('starts again from the beginning for an entry past its end', async () => {
    expect(await spokenTo([promptOf('', 'entry-6')])).toEqual(['two']);
  });
});
