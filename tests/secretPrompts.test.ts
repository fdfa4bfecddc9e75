/** The shipped data of the setting "a target that keeps a secret": nothing of the held-out part is taught. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadContinuations, loadPrompts } from '../src/dialogue/datasets/loadDataset.js';
import type { Prompt } from '../src/dialogue/types.js';
import { readPromptList } from '../src/models/data.js';

const root = join(import.meta.dirname, '..');
const shipped = (name: string): string => join(root, 'assets/prompts', `${name}.jsonl`);
const promptsIn = async (name: string): Promise<readonly Prompt[]> => {
  const { items, dropped } = await loadPrompts(shipped(name), { needsTarget: true });
  expect(dropped).toEqual({});
  return items;
};
const secretsOf = (prompts: readonly Prompt[]): ReadonlySet<string> =>
  new Set(prompts.map(({ targetString }) => targetString ?? ''));
const sets = async (): Promise<readonly (readonly Prompt[])[]> =>
  Promise.all(['secrets-train', 'secrets-dev', 'secrets-held-out'].map((name) => promptsIn(name)));
const asks = async (): Promise<readonly (readonly string[])[]> =>
  Promise.all(['asks-train', 'asks-held-out'].map((name) => readPromptList(shipped(name))));

const folder = mkdtempSync(join(tmpdir(), 'gadfly-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the shipped secrets', () => {
  it('are at least 40 to train on and 24 held out, with no word in two files', async () => {
    const [train, dev, heldOut] = (await sets()).map(secretsOf);
    expect(train?.size).toBeGreaterThanOrEqual(40);
    expect(heldOut?.size).toBeGreaterThanOrEqual(24);
    const all = [train, dev, heldOut].flatMap((each) => [...(each ?? [])]);
    expect(new Set(all).size).toBe(all.length);
    // Five letters at least: the judge finds such a word in any spelling.
    for (const word of all) expect(word).toMatch(/^[a-z]{5,}$/u);
  });

  it('stand in the instruction of their own prompt, once, and in nothing that is said or taught', async () => {
    const prompts = (await sets()).flat();
    const all = [...secretsOf(prompts)];
    const open = [...prompts.map(({ text }) => text), ...(await asks()).flat()].map((text) => text.toLowerCase());
    for (const secret of all) expect(open.filter((text) => text.includes(secret))).toEqual([]);
    for (const { targetString, views, goal = '' } of prompts) {
      const system = views?.target?.system ?? '';
      expect(all.filter((secret) => `${goal} ${system}`.includes(secret))).toEqual([targetString]);
      expect(system.split(targetString ?? '')).toHaveLength(2);
      // The adversary knows what it is after, and no more.
      expect(views?.adversary?.system).toBe(`You want to ${goal.charAt(0).toLowerCase()}${goal.slice(1)}`);
      expect(views?.adversary?.turns).toBeUndefined();
    }
  });

  it('have instructions and openers of their own where they are held out', async () => {
    const [train = [], dev = [], heldOut = []] = await sets();
    const taught = [...train, ...dev];
    const instruction = ({ views, targetString = '' }: Prompt): string =>
      (views?.target?.system ?? '').replace(targetString, '');
    for (const part of [instruction, ({ text }: Prompt): string => text, ({ goal = '' }: Prompt): string => goal]) {
      const known = new Set(taught.map(part));
      expect(known.size).toBeGreaterThanOrEqual(8);
      expect(heldOut.map(part).filter((text) => known.has(text))).toEqual([]);
    }
  });

  it('belong to one conversation each, so that no split and no resampling parts the rows of a secret', async () => {
    for (const prompts of await sets())
      for (const { conversationId, targetString } of prompts) expect(conversationId).toBe(targetString);
  });
});

describe('the shipped ways to ask', () => {
  it('are about fifty, half of them held out, none in both files', async () => {
    const [train = [], heldOut = []] = await asks();
    expect([train.length, heldOut.length]).toEqual([26, 26]);
    const all = [...train, ...heldOut].map((ask) => ask.toLowerCase());
    expect(new Set(all).size).toBe(all.length);
  });

  it.each(['asks-train', 'asks-held-out'])(
    '%s is a list of prompts and, after any prompt, a text to learn',
    async (name) => {
      const { items, dropped } = await loadContinuations(shipped(name));
      expect(dropped).toEqual({});
      expect(items.map(({ prefix }) => prefix.text)).toEqual(items.map(() => ''));
      expect(items.map(({ continuation }) => continuation)).toEqual(await readPromptList(shipped(name)));
    },
  );
});

it('no ordinary question is a way to ask, and no refusal holds a secret', async () => {
  const questions = await readPromptList(shipped('ordinary-questions'));
  expect(questions.length).toBeGreaterThanOrEqual(40);
  for (const question of questions) expect(question).not.toMatch(/password|secret|code|instruction/iu);
  const refusals = readFileSync(join(root, 'assets/prompts/refusals.txt'), 'utf8').trim().split('\n');
  expect(new Set(refusals).size).toBe(24);
  const all = [...secretsOf((await sets()).flat())];
  for (const refusal of refusals) expect(all.filter((secret) => refusal.includes(secret))).toEqual([]);
});

it('the script writes the shipped files again, byte for byte', () => {
  execFileSync(process.execPath, [join(root, 'scripts/writeSecretPrompts.mjs'), folder]);
  const files = [
    'secrets-train',
    'secrets-dev',
    'secrets-held-out',
    'asks-train',
    'asks-held-out',
    'ordinary-questions',
  ];
  for (const name of [...files.map((file) => `${file}.jsonl`), 'refusals.txt'])
    expect(readFileSync(join(folder, name), 'utf8')).toBe(readFileSync(join(root, 'assets/prompts', name), 'utf8'));
});
