import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { classify } from '../../engine/models/sequenceClassifier.js';
import { openDevice, type Device } from '../../engine/runtime/device.js';
import { classifierJudge, classifierKind, readingOf, splitLabels } from './classifier.js';
import { harmOf } from './classScores.js';
import { createTinyClassifier } from './testing/tinyClassifier.js';
import { textItems } from '../../dialogue/score.js';

describe('which label is harm', () => {
  const one = (kind: 'softmax' | 'sigmoid', label: number) => ({ kind, labels: [label], inverted: false });

  it('is the one asked for, else the one whose name says so, else the one beside a harmless name', () => {
    expect(readingOf(['a', 'b', 'c'], false, { labels: ['c'] }, 'x')).toEqual(one('softmax', 2));
    expect(readingOf(['toxic', 'neutral'], false, {}, 'x')).toEqual(one('softmax', 0));
    expect(readingOf(['non-toxic', 'toxic'], false, {}, 'x')).toEqual(one('softmax', 1));
    expect(readingOf(['safe', 'unsafe'], false, {}, 'x')).toEqual(one('softmax', 1));
    expect(readingOf(['curse', 'neutral'], false, {}, 'x')).toEqual(one('softmax', 0));
  });

  it('of independent labels is toxicity, else the worst', () => {
    expect(readingOf(['severe_toxicity', 'toxicity', 'insult'], true, {}, 'x')).toEqual(one('sigmoid', 1));
    expect(readingOf(['threat', 'insult'], true, {}, 'x')).toEqual({
      kind: 'sigmoid',
      labels: [0, 1],
      inverted: false,
    });
    expect(readingOf(['score'], false, {}, 'x')).toEqual(one('sigmoid', 0));
  });

  it('may be several labels, or what the harmless ones leave, and the user may force sigmoid or softmax', () => {
    expect(readingOf(['a', 'b', 'c'], false, { labels: ['a', 'c'], multiLabel: true }, 'x')).toEqual({
      kind: 'sigmoid',
      labels: [0, 2],
      inverted: false,
    });
    expect(readingOf(['a', 'b', 'c'], true, { harmlessLabels: ['b'], multiLabel: false }, 'x')).toEqual({
      kind: 'softmax',
      labels: [1],
      inverted: true,
    });
    expect(() => readingOf(['a', 'b'], false, { labels: ['a'], harmlessLabels: ['b'] }, 'x')).toThrow(
      /one of labels and harmlessLabels/,
    );
  });

  it.each([
    ['NEGATIVE', 'POSITIVE'],
    ['LABEL_0', 'LABEL_1'],
    ['neutral', 'ok'],
  ])('is asked for where two labels, %s and %s, say nothing of harm', (...labels) => {
    expect(() => readingOf(labels, false, {}, './dir')).toThrow(
      `${labels.join(', ')}\n  remedy:   Name it: ./dir#LABEL`,
    );
    expect(readingOf(labels, false, { labels: [labels[0]] }, './dir')).toEqual(one('softmax', 0));
  });

  it('is asked for when the labels do not tell, or name none that exists', () => {
    expect(() => readingOf(['a', 'b', 'c'], false, {}, './dir')).toThrow(/\.\/dir#LABEL/);
    expect(() => readingOf(['a', 'b'], false, { labels: ['z'] }, './dir')).toThrow(ConfigError);
    expect(() => readingOf(['a', 'b'], false, { harmlessLabels: ['z'] }, './dir')).toThrow(ConfigError);
  });

  it('is written after a #', () => {
    expect(splitLabels('./dir')).toEqual({ source: './dir', choice: {} });
    expect(splitLabels('hf:org/name@v1#toxic')).toEqual({ source: 'hf:org/name@v1', choice: { labels: ['toxic'] } });
    expect(splitLabels('./dir#toxic+threat')).toEqual({ source: './dir', choice: { labels: ['toxic', 'threat'] } });
    expect(splitLabels('./dir#!neutral')).toEqual({ source: './dir', choice: { harmlessLabels: ['neutral'] } });
    expect(splitLabels('./dir#softmax:!a+b')).toEqual({
      source: './dir',
      choice: { harmlessLabels: ['a', 'b'], multiLabel: false },
    });
    expect(splitLabels('./dir#sigmoid')).toEqual({ source: './dir', choice: { multiLabel: true } });
  });

  it('logits become probabilities by softmax or sigmoid: exclusive ones add up, of independent ones the highest counts', () => {
    const logits = Float32Array.from([0, Math.log(3), Math.log(4)]);
    const harm = (kind: 'softmax' | 'sigmoid', labels: number[], inverted = false) =>
      harmOf(logits, ['a', 'b', 'c'], { kind, labels, inverted }).harm;
    expect(harm('softmax', [1])).toBeCloseTo(3 / 8, 6);
    expect(harm('softmax', [1, 2])).toBeCloseTo(7 / 8, 6);
    expect(harm('softmax', [0], true)).toBeCloseTo(7 / 8, 6);
    expect(harm('sigmoid', [1])).toBeCloseTo(3 / 4, 6);
    expect(harm('sigmoid', [1], true)).toBeCloseTo(1 / 4, 6);
    expect(harmOf(logits, ['a', 'b', 'c'], { kind: 'sigmoid', labels: [0, 1, 2], inverted: false })).toMatchObject({
      harm: expect.closeTo(4 / 5, 6) as number,
      labels: { a: 0.5 },
    });
    expect(
      harmOf(Float32Array.from([1000, 0]), ['a', 'b'], { kind: 'softmax', labels: [0], inverted: false }).harm,
    ).toBe(1);
  });
});

describe('a classifier as a judge', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.close());

  it('gives the softmax of the model’s logits, with every label', async () => {
    const model = await createTinyClassifier(device);
    const [logits] = await classify(model, [model.tokenizer.encode('hello there')]);
    const [verdict] = await classifierJudge(model).judge(textItems(['hello there']));
    expect(verdict).toMatchObject({
      kind: 'scored',
      harm: harmOf(logits as Float32Array, model.labels, { kind: 'softmax', labels: [1], inverted: false }).harm,
    });
    expect(Object.keys(verdict?.kind === 'scored' ? verdict.labels : {})).toEqual(['polite', 'rude', 'odd']);
  });

  it('judges a text longer than the context by its worst piece', async () => {
    const model = await createTinyClassifier(device);
    const judge = classifierJudge(model);
    const pieces = ['x'.repeat(64), 'hello'.repeat(12) + 'abcd', 'the end'];
    const [whole, ...parts] = (await judge.judge(textItems([pieces.join(''), ...pieces]))).map((verdict) =>
      verdict.kind === 'scored' ? verdict.harm : Number.NaN,
    );
    expect(whole).toBeCloseTo(Math.max(...parts), 6);
  });

  it('accepts the ids of models and no plain names', () => {
    for (const modelId of ['./dir', '../dir#toxic', '/abs/dir', 'hf:org/name', 'organism:judge'])
      expect([modelId, classifierKind.accepts(modelId)]).toEqual([modelId, true]);
    for (const modelId of ['linear-toxicity', 'max(./a, ./b)', 'lexicon:./w.txt', 'organism'])
      expect([modelId, classifierKind.accepts(modelId)]).toEqual([modelId, false]);
  });

  it('refuses a remote model', async () => {
    const deps = { device: () => Promise.resolve(device), cacheDir: null, offline: true };
    await expect(
      classifierKind.open({ model: 'openai:x' }, deps, () => Promise.reject(new Error('no members'))),
    ).rejects.toThrow(/on this machine/);
  });
});
