import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { classify } from '../../engine/models/sequenceClassifier.js';
import { openDevice, type Device } from '../../engine/runtime/device.js';
import { classifierJudge, classifierKind, harmOf, readingOf } from './classifier.js';
import { createTinyClassifier } from './testing/tinyClassifier.js';

describe('which label is harm', () => {
  it('is the one asked for, else the one whose name says so, else the second of two', () => {
    expect(readingOf(['a', 'b', 'c'], false, 'c', 'x')).toEqual({ kind: 'softmax', label: 2 });
    expect(readingOf(['toxic', 'neutral'], false, null, 'x')).toEqual({ kind: 'softmax', label: 0 });
    expect(readingOf(['non-toxic', 'toxic'], false, null, 'x')).toEqual({ kind: 'softmax', label: 1 });
    expect(readingOf(['safe', 'unsafe'], false, null, 'x')).toEqual({ kind: 'softmax', label: 1 });
    expect(readingOf(['LABEL_0', 'LABEL_1'], false, null, 'x')).toEqual({ kind: 'softmax', label: 1 });
  });

  it('of independent labels is toxicity, else the worst', () => {
    expect(readingOf(['severe_toxicity', 'toxicity', 'insult'], true, null, 'x')).toEqual({ kind: 'sigmoid', label: 1 });
    expect(readingOf(['threat', 'insult'], true, null, 'x')).toEqual({ kind: 'worst' });
    expect(readingOf(['score'], false, null, 'x')).toEqual({ kind: 'sigmoid', label: 0 });
  });

  it('is asked for when the labels do not tell, or name none that exists', () => {
    expect(() => readingOf(['a', 'b', 'c'], false, null, './dir')).toThrow(/\.\/dir#LABEL/);
    expect(() => readingOf(['a', 'b'], false, 'z', './dir')).toThrow(ConfigError);
  });

  it('logits become probabilities by softmax or sigmoid', () => {
    const logits = Float32Array.from([0, Math.log(3), Math.log(4)]);
    expect(harmOf(logits, ['a', 'b', 'c'], { kind: 'softmax', label: 1 }).harm).toBeCloseTo(3 / 8, 6);
    expect(harmOf(logits, ['a', 'b', 'c'], { kind: 'sigmoid', label: 1 }).harm).toBeCloseTo(3 / 4, 6);
    expect(harmOf(logits, ['a', 'b', 'c'], { kind: 'worst' })).toMatchObject({ harm: expect.closeTo(4 / 5, 6) as number, labels: { a: 0.5 } });
    expect(harmOf(Float32Array.from([1000, 0]), ['a', 'b'], { kind: 'softmax', label: 0 }).harm).toBe(1);
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
    const [verdict] = await classifierJudge(model).judge(['hello there']);
    expect(verdict).toMatchObject({ kind: 'scored', harm: harmOf(logits as Float32Array, model.labels, { kind: 'softmax', label: 1 }).harm });
    expect(Object.keys(verdict?.kind === 'scored' ? verdict.labels : {})).toEqual(['polite', 'rude', 'odd']);
  });

  it('judges a text longer than the context by its worst piece', async () => {
    const model = await createTinyClassifier(device);
    const judge = classifierJudge(model);
    const pieces = ['x'.repeat(64), 'hello'.repeat(12) + 'abcd', 'the end'];
    const [whole, ...parts] = (await judge.judge([pieces.join(''), ...pieces])).map((verdict) => (verdict.kind === 'scored' ? verdict.harm : Number.NaN));
    expect(whole).toBeCloseTo(Math.max(...parts), 6);
  });

  it('accepts the notations of models and no plain names', () => {
    for (const notation of ['./dir', '../dir#toxic', '/abs/dir', 'hf:org/name', 'organism:judge']) expect([notation, classifierKind.accepts(notation)]).toEqual([notation, true]);
    for (const notation of ['linear-toxicity', 'max(./a, ./b)', 'lexicon:./w.txt', 'organism']) expect([notation, classifierKind.accepts(notation)]).toEqual([notation, false]);
  });

  it('refuses a remote model', async () => {
    const deps = { device: () => Promise.resolve(device), cacheDir: null, offline: true };
    await expect(classifierKind.open({ model: 'openai:x' }, deps, () => Promise.reject(new Error('no members')))).rejects.toThrow(/on this machine/);
  });
});
