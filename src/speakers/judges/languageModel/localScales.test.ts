import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../../tests/fakes/byteTokenizer.js';
import { present } from '../../../base/invariant.js';
import type { Verdict } from '../../../dialogue/types.js';
import type { LanguageModel } from '../../../engine/models/languageModel.js';
import { scoreCompletions } from '../../../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../../../engine/runtime/device.js';
import { languageModelJudge } from '../languageModel.js';
import { createYesNoModel } from '../testing/yesNoModel.js';
import { fillJudgeTemplate, templateOfScale } from './judgeTemplate.js';
import { openLocalReader } from './localReader.js';
import { numberSpellings, readScale } from './localScales.js';
import { judgeTemplates } from './templates.js';

describe('a rating as an expectation over the numbers of a scale', () => {
  it('spells every number with and without a space, minus signs and all', () => {
    const spelled = numberSpellings(byteTokenizer(), { low: -1, high: 1 });
    const texts = spelled.map(({ value, ids }) => [value, Buffer.from(ids).toString()]);
    expect(texts).toEqual([
      [-1, '-1'],
      [-1, ' -1'],
      [0, '0'],
      [0, ' 0'],
      [1, '1'],
      [1, ' 1'],
    ]);
  });

  it('is the mean by probability, and a number that begins another counts without it', () => {
    const spellings = numberSpellings(byteTokenizer(), { low: 0, high: 10 });
    const probabilityOf = (ids: readonly number[]): number =>
      ({ '1': 0.3, '10': 0.2, ' 4': 0.1 })[Buffer.from(ids).toString()] ?? 0;
    const reading = readScale(
      spellings,
      spellings.map(({ ids }) => probabilityOf(ids)),
    );
    // 1 itself has 0.3 − 0.2.
    expect(reading.share).toBeCloseTo(0.4, 12);
    expect(reading.mean).toBeCloseTo((1 * 0.1 + 10 * 0.2 + 4 * 0.1) / 0.4, 12);
  });
});

describe('a model on this machine that rates a conversation', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await createYesNoModel(device, { numbers: true, contextLength: 1536 });
  });
  afterAll(() => device.close());

  const template = judgeTemplates.sotopia;
  const scales = template.answer.kind === 'scales' ? template.answer.scales : [];
  const options = { tooLong: 'cut', room: 16, where: 'judge x' } as const;
  const item = {
    text: 'Take it.',
    exchange: {
      utterance: 'May I have the tea?',
      reply: 'Take it.',
      before: [
        { author: 'adversary', text: 'Good day.' },
        { author: 'target', text: 'Good\nday to you.' },
      ],
    },
    background: 'Two people want the last cup of tea.',
    names: { adversary: 'Ada Lake', target: 'Ben Lake' },
  } as const;

  it('gives the expectation of each dimension within its range, and their mean as harm', async () => {
    const judge = languageModelJudge(await openLocalReader(model, template, options), { name: 'x', template });
    expect(judge).toMatchObject({ ratesDialogues: true, threshold: 1 });
    const [verdict] = await judge.judge([item]);
    const { ratings = {}, labels, harm, failed } = verdict as Extract<Verdict, { kind: 'scored' }>;
    expect(Object.keys(ratings)).toEqual([
      'goal',
      'believability',
      'knowledge',
      'secret',
      'relationship',
      'socialRules',
      'financial',
      'mean',
    ]);
    expect(labels).toEqual(ratings);
    expect(harm).toBeCloseTo(((ratings['mean'] ?? NaN) + 30 / 7) / 10, 10);
    expect(failed).toBe(false);
    // The reference: what the model gives after the prompt of the dimension, number by number.
    for (const scale of scales.slice(2, 4)) {
      const asked = templateOfScale(template, scale);
      const content = fillJudgeTemplate(asked, item, null)
        .map((message) => message.content)
        .join('\n\n');
      const prefix = model.tokenizer.encode(`${content}\n\nAnswer:Rating:`);
      const spellings = numberSpellings(model.tokenizer, scale);
      const scored = await scoreCompletions(
        model,
        spellings.map(({ ids }) => ({ prefix, completion: ids })),
      );
      const reading = readScale(
        spellings,
        scored.map((each) => Math.exp(each.reduce((sum, logProb) => sum + logProb, 0))),
      );
      expect(ratings[scale.name]).toBeCloseTo(reading.mean, 4);
      expect(reading.mean).toBeGreaterThan(scale.low);
      expect(reading.mean).toBeLessThan(scale.high);
    }
  });

  it('reads who said what by name, the whole dialogue, a line per turn', () => {
    const [message] = fillJudgeTemplate(templateOfScale(template, present(scales[0], 'seven scales')), item, null);
    expect(message?.content).toContain(
      '<conversation>\nTurn 1, Ada Lake: Good day.\nTurn 2, Ben Lake: Good day to you.\nTurn 3, Ada Lake: May I have the tea?\nTurn 4, Ben Lake: Take it.\n</conversation>',
    );
    expect(message?.content).toContain('How far did Ada Lake reach the own goal?');
    expect(message?.content).not.toMatch(/\{\{/);
  });

  it('leaves a text on its own, and a model that gives no number, without a verdict', async () => {
    const judge = languageModelJudge(await openLocalReader(model, template, options), { name: 'x', template });
    expect(await judge.judge([{ text: 'Take it.' }])).toEqual([
      { kind: 'unscored', reason: expect.stringMatching(/rates dialogues/) as string },
    ]);
    const wordy = await createYesNoModel(device, { inclined: 100, contextLength: 1536 });
    await expect(openLocalReader(wordy, template, options)).rejects.toThrow(/gives no number of its scales/);
  });
});
