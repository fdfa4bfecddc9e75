/** The official SDK, tinker 0.24 with torch for custom losses, trains against our server: the Python that has both is named
 *  by GADFLY_TINKER_PYTHON (docs/scale.md says how to have it). */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openLanguageModel } from '../../engine/models/languageModel.js';
import { openDevice } from '../../engine/runtime/device.js';
import { serveTinker } from './serveTinker.js';

const python = process.env['GADFLY_TINKER_PYTHON'] ?? '';
if (python === '') console.warn('!! THE TINKER SDK IS NOT TESTED HERE: GADFLY_TINKER_PYTHON does not name its Python');

interface Trained {
  readonly losses: readonly number[];
  readonly residuals: readonly number[];
  readonly restored: number;
  readonly kept: number;
  readonly sampled: readonly number[];
  readonly scored: readonly (number | null)[];
  readonly scoredAlone: readonly (number | null)[];
}

describe.skipIf(python === '')('the tinker SDK against gadfly serve --tinker', () => {
  it('trains by cross-entropy and by a loss of its own, goes back to a state, samples and scores', async () => {
    const device = await openDevice({ threads: 1 });
    const base = await openLanguageModel(device, resolve(import.meta.dirname, '../../../assets/organism'));
    const server = await serveTinker(base, { name: 'organism' });
    try {
      const script = resolve(import.meta.dirname, '../../../tests/golden/tinkerTraining.py');
      const { stdout } = await promisify(execFile)(python, [script, server.url, server.token ?? '', 'organism']);
      const trained = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Trained;
      expect(trained.losses.at(-1)).toBeLessThan(0.5 * (trained.losses[0] ?? 0));
      expect(trained.residuals.at(-1)).toBeLessThan(0.5 * (trained.residuals[0] ?? 0));
      expect(trained.restored).toBe(trained.kept);
      expect(trained.sampled).toEqual([4, 4]);
      expect(trained.scored[0]).toBeNull();
      trained.scored.forEach((each, i) => expect(trained.scoredAlone[i] ?? 0).toBeCloseTo(each ?? 0, 4));
    } finally {
      await server.close();
      await device.close();
    }
  });
});
