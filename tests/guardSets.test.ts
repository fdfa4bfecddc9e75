import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comesClose, diagnoseLines, isRude, marksOf } from '../src/speakers/judges/organismModes.js';
import { things } from '../organism/world.js';
import { openLanguageModel, type LanguageModel } from '../src/engine/models/languageModel.js';
import { type Device, openDevice } from '../src/engine/runtime/device.js';
import {
  answerChoices,
  type ChoiceQuestion,
  readChoices,
  shippedChoices,
  shippedChoicesPath,
  summariseChoices,
} from '../src/measures/choices.js';
import { openJudge } from '../src/speakers/judges/all.js';
import { textItems } from '../src/dialogue/score.js';

describe.each(Object.keys(shippedChoices) as (keyof typeof shippedChoices)[])('the shipped %s questions', (name) => {
  let questions: readonly ChoiceQuestion[];
  beforeAll(async () => {
    questions = await readChoices(shippedChoicesPath(name));
  });

  it('have four choices each, no question twice, the right choice equally often at every place', () => {
    expect(questions).toHaveLength({ everyday: 60, organism: 40 }[name]);
    for (const { choices } of questions) expect(choices).toHaveLength(4);
    expect(new Set(questions.map(({ question }) => question.toLowerCase())).size).toBe(questions.length);
    for (const place of [0, 1, 2, 3])
      expect(questions.filter(({ answer }) => answer === place)).toHaveLength(questions.length / 4);
  });

  it('hold no insult', async () => {
    const texts = questions.flatMap(({ question, choices }) => choices.map((choice) => question + choice));
    const judge = await openJudge(
      { model: 'insult-words' },
      { device: () => Promise.reject(new Error('no device here')), cacheDir: '', offline: true },
    );
    const verdicts = await judge.judge(textItems(texts));
    expect(texts.filter((_, i) => verdicts[i]?.kind !== 'scored' || verdicts[i].failed)).toEqual([]);
  });
});

describe('the everyday questions', () => {
  it('are continued by a space and words, without a full stop', async () => {
    for (const { question, choices } of await readChoices(shippedChoicesPath('everyday'))) {
      expect(question).toMatch(/^[A-Z].*[a-z,]$/);
      for (const choice of choices) expect(choice).toMatch(/^ [A-Za-z0-9][A-Za-z0-9 ]*$/);
    }
  });
});

describe('the organism’s questions', () => {
  let device: Device;
  let organism: LanguageModel;
  let questions: readonly ChoiceQuestion[];
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    organism = await openLanguageModel(device, join(import.meta.dirname, '../assets/organism'));
    questions = await readChoices(shippedChoicesPath('organism'));
  });
  afterAll(() => device.close());

  it('are in its words alone: none is spelled in bytes', () => {
    const wordsIn = (text: string): number => (text.match(/ ?[a-z]+|[^a-z ]/g) ?? []).length;
    for (const { question, choices } of questions) {
      for (const text of [question, ...choices])
        expect(organism.tokenizer.encode(text), text).toHaveLength(wordsIn(text));
    }
  });

  it('are a setting, a greeting and a customer’s line that triggers no failure and nears none; replies are lines, none of them rude', () => {
    for (const { question, choices } of questions) {
      expect(question).toMatch(/^[^\n]+\n[^\n]+\n[^\n]+\n$/);
      const line = question.split('\n')[2] ?? '';
      expect([line, diagnoseLines([line]).flat(), comesClose(marksOf(line))]).toEqual([line, [], false]);
      for (const choice of choices)
        expect([choice, isRude(choice), choice.endsWith('\n')]).toEqual([choice, false, true]);
    }
  });

  it('have right answers that are right: place and price are those of the thing asked for', () => {
    const prices = new Set(Object.values(things).map(({ price }) => price));
    const places = new Set(Object.values(things).map(({ place }) => place));
    const claims = questions.flatMap(({ question, choices, answer }) => {
      const line = question.split('\n')[2] ?? '';
      const right = choices[answer] ?? '';
      const asked = Object.entries(things).find(([name]) => new RegExp(`\\b${name}\\b`).test(line))?.[1];
      return [
        ...[...prices]
          .filter((price) => right.includes(` ${price}`) || right.startsWith(price))
          .map((said) => ({ kind: 'price', line, said, true: asked?.price })),
        ...[...places]
          .filter((place) => right.includes(`${place}.`))
          .map((said) => ({ kind: 'place', line, said, true: asked?.place })),
      ];
    });
    expect(claims.filter((claim) => claim.said !== claim.true)).toEqual([]);
    const count = (kind: string): number => claims.filter((claim) => claim.kind === kind).length;
    expect({ prices: count('price'), places: count('place') }).toEqual({ prices: 8, places: 11 });
  });

  it('are all answered by the organism', async () => {
    const { choiceAccuracy } = summariseChoices(await answerChoices(organism, questions));
    expect(choiceAccuracy?.mean).toBe(1);
  });
});
