import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { openLanguageModel } from './languageModel.js';
import { languageModelParameters } from './parameters.js';
import { allLogits } from './testing/allLogits.js';
import { formulaTensor, goldenFolder, memoryCheckpoint, relativeDifference } from './testing/goldenModels.js';

interface HeldHead {
  readonly config: Readonly<Record<string, unknown>>;
  readonly table: string;
  readonly head: string;
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly sequences: readonly (readonly number[])[];
  /** After each sequence. */
  readonly logits: readonly (readonly number[])[];
}

// tests/golden/heldHead.py, from transformers
const golden = JSON.parse(readFileSync(join(goldenFolder, '../heldHead/expected.json'), 'utf8')) as Record<
  string,
  HeldHead
>;

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

describe.each(Object.entries(golden))('%s in a file that config.json calls tied', (name, stored) => {
  const { config, parameters, table, head, sequences, logits } = stored;
  const isCopy = name.endsWith('the same head');

  it('gives the logits of transformers', async () => {
    const tensors = Object.entries(parameters).map(([each, shape]) => ({
      ...formulaTensor(isCopy && each === head ? table : each, shape),
      name: each,
    }));
    const model = await openLanguageModel(device, memoryCheckpoint(config, tensors));
    const got = await allLogits(model, sequences);
    got.forEach((rows, i) => {
      expect(relativeDifference(rows.at(-1) ?? [], logits[i] ?? [])).toBeLessThan(1e-5);
    });
    const saved = new Set(languageModelParameters(model.architecture).map((spec) => spec.name));
    expect(saved.has(head)).toBe(name.endsWith('another head'));
    await model.close();
  });
});
