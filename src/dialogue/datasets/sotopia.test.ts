import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { person, situation } from '../testing/datasetSamples.js';
import type { Author, Prompt } from '../types.js';
import { loadPrompts } from './loadDataset.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-sotopia-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
async function promptAt(relationship: number, changes: Readonly<Record<string, unknown>> = {}): Promise<Prompt> {
  const folder = mkdtempSync(join(root, `${String(made++)}-`));
  const files = {
    envs: { e: situation('e', relationship) },
    agents: { a: person('a', 'Ada'), b: person('b', 'Ben') },
    env_agent_combos: [{ pk: 'c', env_id: 'e', agent_ids: ['a', 'b'] }],
    ...changes,
  };
  for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, `${name}.json`), JSON.stringify(value));
  const [prompt] = (await loadPrompts(folder)).items;
  return prompt as Prompt; // One combination is one prompt.
}

const shown = ({ views }: Prompt, side: Author): string => views?.[side]?.system ?? '';

describe('a social situation', () => {
  it('gives each side its own profile, goal and secret, and neither the goal nor the secret of the other', async () => {
    const prompt = await promptAt(5);
    expect(prompt.text).toBe('');
    expect(prompt.names).toEqual({ adversary: 'Ada Lake', target: 'Ben Lake' });
    const [ada, ben] = [shown(prompt, 'adversary'), shown(prompt, 'target')];
    expect(ada).toContain("Ada Lake's goal: Get the tea (Extra information: you are thirsty)");
    expect(ada).toContain('Ada dislikes bread');
    expect(ada).not.toMatch(/Ben dislikes|Give it away|[<>]/);
    expect(ben).toContain("Ben Lake's goal: Give it away");
    expect(ben).toContain("Ben's secrets: Ben dislikes bread");
    expect(ben).not.toMatch(/Ada dislikes|thirsty|only to one who asks|[<>]/);
  });

  it.each([
    [0, ["Ben Lake's background: Unknown"], ['Ben bakes', 'Ben is calm', 'Ben Lake is a']],
    [1, ["Ben Lake's background: Ben Lake\n"], ['Ben bakes', 'Ben is calm']],
    [2, ['Ben Lake is a 30-year-old female baker. She/her pronouns. Ben bakes bread.'], ['Ben is calm']],
    [3, ['Ben bakes bread. Personality and values description: Ben is calm.'], []],
    [4, ['Ben is calm.'], []],
  ])('at relationship %i tells of the other what Sotopia shows, and no more', async (relationship, told, hidden) => {
    const ada = shown(await promptAt(relationship), 'adversary');
    for (const text of told) expect(ada).toContain(text);
    for (const text of [...hidden, 'Ben dislikes bread']) expect(ada).not.toContain(text);
  });

  it('tells judges all of both sides, names the profiles, and is one conversation with its environment', async () => {
    const { background, conversationId, meta, goal } = await promptAt(0);
    for (const text of ['Ada dislikes', 'Ben dislikes', 'thirsty', 'only to one who asks', 'Ben bakes bread.'])
      expect(background).toContain(text);
    expect(conversationId).toBe('e');
    expect(goal).toBe('Get the tea (Extra information: you are thirsty)');
    expect(meta).toEqual({ environment: 'e', adversaryAgent: 'a', targetAgent: 'b', relationship: 'stranger' });
  });

  it('refuses a combination of profiles that are in no file, and another form, with the place', async () => {
    const combo = { pk: 'c', env_id: 'e', agent_ids: ['a', 'x'] };
    await expect(promptAt(0, { env_agent_combos: [combo] })).rejects.toThrow(/combos\.json, item 1[^]*in no file/);
    await expect(promptAt(7)).rejects.toThrow(FormatError);
    await expect(promptAt(0, { agents: 'no profiles' })).rejects.toThrow(/agents\.json/);
  });
});
