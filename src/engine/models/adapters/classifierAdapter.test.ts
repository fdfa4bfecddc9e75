import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../../runtime/device.js';
import { classify, openSequenceClassifier, saveSequenceClassifier } from '../sequenceClassifier.js';
import { goldenCheckpoint, relativeDifference } from '../testing/goldenModels.js';

// tests/golden/loraClassifier.py, from PEFT
const golden = resolve(import.meta.dirname, '../../../../tests/golden/loraClassifier');
const names = readdirSync(golden).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []));

let device: Device;
const folder = mkdtempSync(join(tmpdir(), 'gadfly-seqcls-'));
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(async () => {
  await device.close();
  rmSync(folder, { recursive: true });
});

describe.each(names)('an adapter of a sequence classifier that PEFT saved: %s', (name) => {
  it('gives PEFT’s class logits, on the base that it names and with the head that it brings', async () => {
    const { sequences, logits } = JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8')) as {
      readonly sequences: readonly (readonly number[])[];
      readonly logits: readonly (readonly number[])[];
    };
    const variant = name === 'llama' ? 'llama-classifier' : `../encoders/${name}`;
    const base = await openSequenceClassifier(device, goldenCheckpoint(variant));
    await saveSequenceClassifier(base, join(folder, name, 'base'));
    cpSync(join(golden, name), join(folder, name, 'adapter'), { recursive: true });
    const model = await openSequenceClassifier(device, join(folder, name, 'adapter'));
    expect(model.labels).toEqual(base.labels);
    const got = await classify(model, sequences);
    got.forEach((row, i) => {
      expect(relativeDifference(row, logits[i] ?? [])).toBeLessThan(1e-5);
    });
    expect(relativeDifference((await classify(base, sequences))[0] ?? [], logits[0] ?? [])).toBeGreaterThan(0.01);
    await model.close();
    await base.close();
  });
});
