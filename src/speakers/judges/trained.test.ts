import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textItems } from '../../dialogue/score.js';
import type { Judge, Verdict } from '../../dialogue/types.js';
import { classify, openSequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import { openDevice, type Device } from '../../engine/runtime/device.js';
import { openJudge } from './all.js';
import { logOddsOf } from './classScores.js';
import type { JudgeSpec } from './judgeKind.js';
import { saveTinyEnsemble } from './testing/tinyClassifier.js';

const folder = join(mkdtempSync(join(tmpdir(), 'gadfly-trained-')), 'measure');
let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  await saveTinyEnsemble(device, folder);
});
afterAll(() => device.close());

const open = (spec: JudgeSpec, stageJudge?: () => string): Promise<Judge> =>
  openJudge(spec, {
    device: () => Promise.resolve(device),
    cacheDir: null,
    offline: true,
    ...(stageJudge === undefined ? {} : { stageJudge }),
  });

const scored = (verdict: Verdict | undefined): Extract<Verdict, { kind: 'scored' }> => {
  if (verdict?.kind !== 'scored') throw new Error('no verdict');
  return verdict;
};

/** Logits of each member, by the model alone. */
async function logitsOf(text: string): Promise<readonly Float32Array[]> {
  const logits: Float32Array[] = [];
  for (const member of ['member-1', 'member-2']) {
    const model = await openSequenceClassifier(device, join(folder, member));
    logits.push(...(await classify(model, [model.tokenizer.encode(text)])));
    await model.close();
  }
  return logits;
}

describe('a judge that a run has trained', () => {
  it('gives the mean over its members: classes, harm, log-odds, and how far the members are apart', async () => {
    const text = 'you soggy leek';
    const [verdict] = await (await open({ model: 'stage:measure' }, () => folder)).judge(textItems([text]));
    const { harm, labels } = scored(verdict);
    const members = (await logitsOf(text)).map((logits) => {
      const exponentials = [...logits].map((z) => Math.exp(z));
      const total = exponentials.reduce((sum, value) => sum + value, 0);
      const [polite = 0, rude = 0, odd = 0] = exponentials.map((value) => value / total);
      return { polite, rude, odd, harm: rude + odd, logOdds: Math.log((rude + odd) / polite) };
    });
    const meanOf = (name: 'polite' | 'rude' | 'odd' | 'harm' | 'logOdds'): number =>
      members.reduce((sum, member) => sum + member[name], 0) / members.length;
    expect(harm).toBeCloseTo(meanOf('harm'), 5);
    for (const name of ['polite', 'rude', 'odd', 'logOdds'] as const) expect(labels[name]).toBeCloseTo(meanOf(name), 5);
    expect(members[0]?.harm).not.toBeCloseTo(members[1]?.harm ?? 0, 3);
    expect(labels['disagreement']).toBeCloseTo(Math.abs((members[0]?.harm ?? 0) - (members[1]?.harm ?? 0)), 5);
  });

  it('is the same judge under its folder’s path, and inside an ensemble', async () => {
    const items = textItems(['a leek', 'you soggy leek']);
    const own = await (await open({ model: 'stage:measure' }, () => folder)).judge(items);
    expect(await (await open({ model: folder })).judge(items)).toEqual(own);
    const joined = await (await open({ model: 'max(stage:measure, insult-words)' }, () => folder)).judge(items);
    expect(joined.map((verdict) => scored(verdict).labels['stage:measure'])).toEqual(
      own.map((verdict) => scored(verdict).harm),
    );
  });

  it('judges a text that is longer than the context by its worst piece', async () => {
    const judge = await open({ model: folder });
    const long = `${'a leek. '.repeat(20)}you soggy leek`;
    const [whole] = await judge.judge(textItems([long]));
    expect(scored(whole).harm).toBeGreaterThan(0);
    expect(Object.keys(scored(whole).labels)).toContain('logOdds');
  });

  it('is refused by name before it is trained, outside its run, and with labels of a recipe’s', async () => {
    await expect(open({ model: 'stage:measure' })).rejects.toThrow(/RUN\/judges\/measure/);
    await expect(open({ model: 'stage:measure' }, () => tmpdir())).rejects.toThrow(/not trained its judge yet/);
    await expect(open({ model: folder, labels: ['rude'] })).rejects.toThrow(/says itself which/);
  });

  it('a description of other classes, or of a newer version, is refused', async () => {
    const path = join(folder, 'judge.json');
    const text = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, text.replace('"polite"', '"kind"'));
      await expect(open({ model: folder })).rejects.toThrow(/other classes/);
      writeFileSync(path, text.replace('"schema": 1', '"schema": 2'));
      await expect(open({ model: folder })).rejects.toThrow(/newer version/);
    } finally {
      writeFileSync(path, text);
    }
  });

  it('log-odds stay finite where a probability rounds to 0 or 1', () => {
    expect(logOddsOf([100, 0, -100], [true, false, false])).toBeCloseTo(100, 10);
    expect(logOddsOf([-400, 300, 500], [true, false, false])).toBe(-900);
  });
});
