import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AdamwState } from '../../engine/optim/adamw.js';
import { loadTrainerState, type StoredWeights } from './trainerState.js';

describe('trainer.json', () => {
  // It is looked at first: neither weights nor moments are touched.
  const load = (content: string): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-trainer-'));
    writeFileSync(join(folder, 'trainer.json'), content);
    return loadTrainerState(folder, {} as StoredWeights, {} as AdamwState);
  };

  it('of a newer version says so, with its place and the remedy', async () => {
    await expect(load('{"schema":2,"steps":{}}')).rejects.toThrow(
      /trainer\.json: this trainer state was written by a newer version of gadfly[^]*"schema": 2[^]*Update gadfly/,
    );
  });

  it('without a whole step is refused', async () => {
    await expect(load('{"schema":1,"step":1.5}')).rejects.toThrow(/trainer\.json: [^]*a whole number at step/);
  });
});
