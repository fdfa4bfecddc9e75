/** The contract of a judge, run over every kind in the table: a new kind only needs a line in `specimens`. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import type { Judge, JudgedItem, Verdict } from '../../dialogue/types.js';
import { openDevice, type Device } from '../../engine/runtime/device.js';
import { judgeKinds, openJudge } from './all.js';
import type { JudgeDeps } from './judgeKind.js';
import { createFunctionJudge } from './functionJudge.js';
import { saveTinyClassifier, saveTinyEnsemble } from './testing/tinyClassifier.js';
import { saveYesNoModel } from './testing/yesNoModel.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-judges-'));
const wordList = join(folder, 'words.txt');
const classifier = join(folder, 'classifier');
const answering = join(folder, 'answering');
const trained = join(folder, 'judges/measure');
writeFileSync(wordList, '[vegetable]\nturnip\nsoggy leek\n');

/** Texts of a prompt that names what a judge may look for. */
const textItems = (texts: readonly string[]): readonly JudgedItem[] =>
  texts.map((text) => ({ text, targetString: 'soggy leek' }));

let device: Device;
beforeAll(async () => {
  device = await openDevice();
  await saveTinyClassifier(device, classifier);
  await saveYesNoModel(device, answering);
  await saveTinyEnsemble(device, trained);
});
afterAll(() => device.close());

/** One judge of every kind, by the name that a user would write. */
const specimens: Readonly<Record<keyof typeof judgeKinds, string>> = {
  'linear-toxicity': 'linear-toxicity',
  'insult-words': 'insult-words',
  lexicon: `lexicon:${wordList}`,
  contains: 'contains',
  'organism:modes': 'organism:modes',
  ensemble: `vote(linear-toxicity, max(insult-words, lexicon:${wordList}))`,
  classifier: `${classifier}#rude`,
  trained: 'stage:measure',
  languageModel: `languageModel:${answering}`,
  function: 'function',
};

/** A judge that is a function has no name in a recipe: a program makes it. */
async function open(model: string, threshold?: number): Promise<Judge> {
  if (model !== 'function') return openJudge({ model, threshold }, deps);
  const score = (asked: readonly string[]): readonly number[] =>
    asked.map((text) => Math.min(1, text.trim().length / 50));
  return createFunctionJudge({ name: 'length', score, ...(threshold === undefined ? {} : { threshold }) });
}

const deps: JudgeDeps = {
  device: () => Promise.resolve(device),
  cacheDir: tmpdir(),
  offline: true,
  stageJudge: () => trained,
};

const texts = [
  'The bread is fresh today.',
  '',
  ' ',
  '\n',
  'you soggy leek',
  'you nincompoop',
  '😀 ½ 日本語 \u0000 \ud800',
  'word '.repeat(3000),
  'a',
  'The bread is fresh today.',
];

function isSound(verdict: Verdict, judge: Judge): boolean {
  if (verdict.kind === 'unscored') return verdict.reason !== '';
  return (
    verdict.harm >= 0 &&
    verdict.harm <= 1 &&
    verdict.failed === verdict.harm > judge.threshold &&
    !Object.values(verdict.labels).some(Number.isNaN)
  );
}

/** To five digits: a model's matrix products differ in the last bits with the shape of the batch. */
function rounded(verdicts: readonly Verdict[]): readonly unknown[] {
  return verdicts.map((verdict) => (verdict.kind === 'scored' ? [verdict.harm.toFixed(5), verdict.failed] : verdict));
}

describe.each(Object.entries(specimens))('the judge %s', (_, model) => {
  it('gives one verdict a text, harm in [0, 1] or a reason, failed exactly above its threshold', async () => {
    const judge = await open(model);
    const verdicts = await judge.judge(textItems(texts));
    expect(verdicts).toHaveLength(texts.length);
    expect(verdicts.filter((verdict) => !isSound(verdict, judge))).toEqual([]);
    expect(await judge.judge([])).toEqual([]);
  });

  it('keeps the order: a text’s verdict does not depend on its neighbours', async () => {
    const judge = await open(model);
    const together = await judge.judge(textItems(texts));
    const alone: Verdict[] = [];
    for (const text of texts) alone.push(...(await judge.judge(textItems([text]))));
    expect(rounded(alone)).toEqual(rounded(together));
    expect(rounded([...(await judge.judge(textItems([...texts].reverse())))].reverse())).toEqual(rounded(together));
  });

  it('takes the empty text for one without harm', async () => {
    expect((await (await open(model)).judge(textItems([''])))[0]).toMatchObject({ kind: 'scored', failed: false });
  });

  it('leaves what is not a string unscored, and the texts around it scored', async () => {
    const verdicts = await (
      await open(model)
    ).judge(textItems(['fine', undefined, 5, 'fine'] as unknown as readonly string[]));
    expect(verdicts.map(({ kind }) => kind)).toEqual(['scored', 'unscored', 'unscored', 'scored']);
  });

  it('says the same of the same text every time', async () => {
    const judge = await open(model);
    const asked = texts.slice(0, 7);
    expect(await judge.judge(textItems(asked))).toEqual(await judge.judge(textItems(asked)));
  });

  it('carries the name that a recipe gives it and takes another threshold', async () => {
    const usual = await open(model);
    const strict = await open(model, 0);
    expect(strict.name).toBe(usual.name);
    expect(strict.threshold).toBe(0);
    const [harm] = await usual.judge(textItems(['get out, you nincompoop, you soggy leek']));
    expect(await strict.judge(textItems(['get out, you nincompoop, you soggy leek']))).toEqual([
      { ...harm, failed: true },
    ]);
    await expect(open(model, 2)).rejects.toThrow(ConfigError);
  });
});

describe('the table of judges', () => {
  it('every kind is described, and no other kind accepts its specimen', () => {
    for (const [name, kind] of Object.entries(judgeKinds)) {
      expect(kind.summary).not.toBe('');
      const accepting = Object.entries(judgeKinds).filter(([, other]) =>
        other.accepts(specimens[name as keyof typeof specimens]),
      );
      expect(accepting.map(([other]) => other)).toEqual([name]);
    }
  });

  it('an option of another kind is refused by name', async () => {
    await expect(openJudge({ model: 'linear-toxicity', template: 'rubric' }, deps)).rejects.toThrow(/judge\.template/);
    await expect(openJudge({ model: classifier, members: [] }, deps)).rejects.toThrow(/judge\.members/);
    await expect(openJudge({ model: 'function' }, deps)).rejects.toThrow(/createFunctionJudge/);
  });

  it('an unknown judge is an error that lists those known', async () => {
    await expect(openJudge({ model: 'linear-toxcity' }, deps)).rejects.toThrow(/linear-toxicity, insult-words/);
    await expect(openJudge({ model: 'mean()' }, deps)).rejects.toThrow(ConfigError);
    await expect(openJudge({ model: 'lexicon:./nowhere.txt' }, deps)).rejects.toThrow(/nowhere\.txt/);
  });
});
