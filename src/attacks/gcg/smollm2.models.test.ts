/** Greedy Coordinate Gradient on SmolLM2 against nanoGCG's own functions (tests/golden/gcg.py). */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { sumOf } from '../../base/sums.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { resolveSmollm2Wheel } from '../../engine/models/checkpoints/resolveModel.js';
import { type LanguageModel, openLanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createLocalTarget } from '../../speakers/targets/local.js';
import { allowedTokens } from '../search/allowedTokens.js';
import { openSuffixFrame } from '../search/suffixFrame.js';
import { leastTokens } from './candidates.js';
import { openGradientReader } from './oneHotGradient.js';

interface Golden {
  readonly message: string;
  readonly target: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly targetIds: readonly number[];
  readonly suffixes: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly loss: number;
    readonly norms: readonly number[];
    /** Largest magnitude of the gradient. */
    readonly largest: number;
    readonly top: readonly (readonly number[])[];
    /** The gradient at these. */
    readonly values: readonly (readonly number[])[];
  }[];
}

const golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../tests/golden/gcg/smollm2.json'), 'utf8'),
) as Golden;

/** A share of the largest of the gradient: float32 sums over 30 layers in another order. */
const sameGradients = 1e-4;

describe('SmolLM2 in its chat template, as nanoGCG reads it', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 2 });
    model = await openLanguageModel(device, await resolveSmollm2Wheel({ cacheDir: null, offline: false }));
  });
  afterAll(() => device.close());

  it('has the same ids, losses, one-hot gradients and best tokens', async () => {
    const target = createLocalTarget(model, { format: 'chat' });
    const allowed = allowedTokens(model.tokenizer, model.vocabularySize, 'ascii');
    const reader = await openGradientReader(model);
    const prompt = { ...promptOf('p'), text: golden.message };
    for (const { text, ids, loss, largest, norms, top, values } of golden.suffixes) {
      const frame = openSuffixFrame(target, { prompt, message: '', targetTexts: [golden.target] }, text);
      const [sequence] = frame.sequences(frame.start);
      expect(sequence).toEqual({ prefix: [...golden.before, ...ids, ...golden.after], completion: golden.targetIds });
      expect(frame.survives(ids)).toBe(true);
      const [scored] = await scoreCompletions(model, frame.sequences(ids));
      const mean = -sumOf(scored ?? []) / golden.targetIds.length;
      expect(Math.abs(mean - loss)).toBeLessThan(1e-4);
      const soft = ids.map((_, i) => model.vocabularySize + i);
      const got = await reader.read(frame.sequences(soft), ids);
      expect(Math.abs(got.loss - loss)).toBeLessThan(1e-4);
      got.rows.forEach((row, s) => {
        const norm = present(norms[s], 'a norm per position');
        expect(Math.abs(Math.hypot(...row) - norm) / norm).toBeLessThan(sameGradients);
        const wanted = present(values[s], 'values per position');
        top[s]?.forEach((id, k) => {
          expect(Math.abs((row[id] ?? NaN) - (wanted[k] ?? NaN))).toBeLessThan(sameGradients * largest);
        });
        // The last of the best may change places with the next where they are equal to rounding.
        const best = leastTokens(row, allowed, 16);
        const missed = (top[s] ?? []).filter((id) => !best.includes(id));
        const bound = row[best.at(-1) ?? 0] ?? NaN;
        for (const id of missed) expect((row[id] ?? NaN) - bound).toBeLessThan(sameGradients * largest);
        expect(missed.length).toBeLessThanOrEqual(1);
      });
    }
    await reader.close();
  });
});
