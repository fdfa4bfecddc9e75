import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { FormatError } from '../base/errors.js';
import { streamKey } from '../base/random.js';
import { copyLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { answerChoices, type ChoiceAnswer, compareChoices, readChoices, summariseChoices } from './choices.js';

const answer = (right: boolean, rightBySum = right): ChoiceAnswer => ({ picked: 0, right, pickedBySum: 0, rightBySum });

describe('multiple choice', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await copyLanguageModel(await tinyModel(device));
  });
  afterAll(() => device.close());

  it('picks the choice with the highest mean log-probability per token, and the one with the highest sum', async () => {
    const choices = [' a', ' longer text', ' mid'];
    const scored = await scoreCompletions(
      model,
      choices.map((choice) => ({ prefix: model.tokenizer.encode('so'), completion: model.tokenizer.encode(choice) })),
    );
    const sums = scored.map((logProbs) => logProbs.reduce((sum, value) => sum + value, 0));
    const means = sums.map((sum, i) => sum / (choices[i]?.length ?? 0));
    const best = means.indexOf(Math.max(...means));
    for (const right of [0, 1, 2]) {
      expect(await answerChoices(model, [{ question: 'so', choices, answer: right }])).toEqual([
        {
          picked: best,
          right: best === right,
          pickedBySum: sums.indexOf(Math.max(...sums)),
          rightBySum: sums.indexOf(Math.max(...sums)) === right,
        },
      ]);
    }
  });

  it('the question is read as the caller says', async () => {
    const seen: string[] = [];
    const question = { question: 'so', choices: [' a', ' b'], answer: 0 };
    const contextOf = (text: string): number[] => {
      seen.push(text);
      return model.tokenizer.encode(`${text}${text}`);
    };
    expect(await answerChoices(model, [question], contextOf)).toEqual(
      await answerChoices(model, [{ ...question, question: 'soso' }]),
    );
    expect(seen).toEqual(['so']);
    expect(await answerChoices(model, [])).toEqual([]);
  });

  it('accuracy has Wilson’s interval: 3 of 4 is [0.30, 0.95]', () => {
    const { choiceAccuracy, choiceAccuracyBySum } = summariseChoices([
      answer(true),
      answer(true),
      answer(true, false),
      answer(false),
    ]);
    expect(choiceAccuracy).toMatchObject({
      mean: 0.75,
      low: expect.closeTo(0.3006, 4) as number,
      high: expect.closeTo(0.9544, 4) as number,
      n: 4,
      unit: 'share',
    });
    expect(choiceAccuracyBySum?.mean).toBe(0.5);
    expect(summariseChoices([])).toEqual({});
  });

  it('a comparison pairs the questions: one more right of four is 0.25', () => {
    const before = [answer(true), answer(false), answer(false), answer(true)];
    const { choiceAccuracy } = compareChoices(before.with(1, answer(true)), before, {
      stream: streamKey(0, 'choices'),
      resamples: 200,
    });
    expect(choiceAccuracy).toMatchObject({ mean: 0.25, n: 4 });
    // Few questions: Student's t of three degrees of freedom times the standard error of (1, 0, 0, 0), 0.25.
    expect(choiceAccuracy?.low).toBeCloseTo(0.25 - 3.1824 * 0.25, 3);
  });
});

describe('a file of questions', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-choices-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = (content: string): ReturnType<typeof readChoices> => {
    const path = join(folder, 'questions.json');
    writeFileSync(path, content);
    return readChoices(path);
  };
  const good = { question: 'A cat says', choices: [' meow', ' moo'], answer: 0 };

  it('is a JSON array of question, choices and answer', async () => {
    expect(await read(JSON.stringify([good]))).toEqual([good]);
  });

  it.each([
    ['[{]', /not JSON/],
    ['{}', /question: a text.*nothing/s],
    ['[]', /no question in this file/],
    [JSON.stringify([good, 'a']), /item 2.*object with question, choices and answer/s],
    [JSON.stringify([{ ...good, question: '' }]), /question: a text/],
    [JSON.stringify([{ ...good, choices: [' a'] }]), /at least two texts/],
    [JSON.stringify([{ ...good, choices: [' a', 3] }]), /choices\[1\]: a text/],
    [JSON.stringify([{ ...good, choices: [' a', ' a'] }]), /differ/],
    [JSON.stringify([{ ...good, answer: 2 }]), /0 to 1.*the number 2/s],
    [JSON.stringify([{ ...good, answer: 'a' }]), /0 to 1/],
  ])('%s is refused with what is expected', async (content, message) => {
    const failure = read(content);
    await expect(failure).rejects.toThrow(FormatError);
    await expect(failure).rejects.toThrow(message);
  });

  it('that is not there is an error with its path', async () => {
    await expect(readChoices(join(folder, 'none.json'))).rejects.toThrow(/none\.json/);
  });
});
