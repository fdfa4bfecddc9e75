import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { readAs } from '../base/readAs.js';
import { childKey, openStream, streamKey } from '../base/random.js';
import { manualClock } from '../base/clock.js';
import { RunDirectory } from '../runs/runDirectory.js';
import { recordUnit } from './unitRecorder.js';

const description = { name: 't', seed: 0, configuration: {}, source: { file: null, folder: '/' }, inputs: [] };
const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-unit-')), 'run');
const read = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8');

const replayState = z.object({
  epoch: z.number(),
  rewards: z.instanceof(Float64Array),
  ids: z.instanceof(Int32Array),
  size: z.number(),
});

/** A search with a replay buffer, as an attack has it: every epoch draws an entry, replays one of all so far, and records
 *  what it replayed. Texts are in a file of the checkpoint. @param epochs after which it is stopped */
async function search(run: RunDirectory, unit: string, epochs: number): Promise<void> {
  const { checkpoints, metrics, complete } = recordUnit(run, unit);
  const { restored } = checkpoints;
  const state =
    restored === null
      ? { epoch: 0, rewards: new Float64Array(8), ids: new Int32Array(8), size: 0 }
      : readAs(replayState, restored.state, restored.folder);
  const texts = restored === null ? [] : read(restored.folder, 'texts.txt').split('\n').filter(Boolean);
  const { rewards, ids } = state;
  let { epoch, size } = state;
  while (epoch < epochs) {
    epoch++;
    const draw = openStream(childKey(streamKey(0, unit), epoch));
    rewards[size] = draw.uniform();
    ids[size] = draw.integer(1000);
    texts.push(`text ${String(ids[size])}`);
    size++;
    const replayed = draw.integer(size);
    metrics(
      { reward: rewards[replayed] ?? NaN, id: ids[replayed] ?? NaN, length: texts[replayed]?.length ?? NaN },
      { epoch, step: epoch },
    );
    await checkpoints.save({
      step: epoch,
      score: null,
      state: { epoch, rewards, ids, size },
      write: async (folder) => {
        writeFileSync(join(folder, 'texts.txt'), texts.join('\n'));
      },
    });
  }
  if (epoch === 6) complete({ best: Math.max(...rewards) }, epoch);
}

describe('recordUnit', () => {
  it('a search with a replay buffer, killed after any epoch and resumed, is as one that was never stopped', async () => {
    const whole = RunDirectory.create(fresh(), description, manualClock());
    await search(whole, 'exploit:search', 6);
    for (const epochs of [1, 3, 5]) {
      const first = RunDirectory.create(fresh(), description, manualClock());
      await search(first, 'exploit:search', epochs);
      first.log('metrics').append({ lost: true });
      const killed = fresh();
      cpSync(first.path, killed, { recursive: true });
      rmSync(join(killed, 'run.lock'));
      const resumed = RunDirectory.resume(killed, null, manualClock());
      await search(resumed, 'exploit:search', 6);
      expect(read(killed, 'metrics.jsonl')).toBe(read(whole.path, 'metrics.jsonl'));
      expect(resumed.completed('exploit:search')).toEqual(whole.completed('exploit:search'));
      for (const run of [first, resumed]) run.close('interrupted');
    }
    whole.close('done');
  });

  it('counts the steps of a second unit on from the first', async () => {
    const run = RunDirectory.create(fresh(), description, manualClock());
    await search(run, 'exploit:one', 6);
    await search(run, 'exploit:two', 6);
    const steps = read(run.path, 'metrics.jsonl')
      .split('\n')
      .filter(Boolean)
      .map((line) =>
        readAs(z.object({ stage: z.string(), step: z.number(), epoch: z.number() }), JSON.parse(line), 'x'),
      );
    expect(steps.slice(6)).toEqual(
      [7, 8, 9, 10, 11, 12].map((step) => ({ stage: 'exploit:two', step, epoch: step - 6 })),
    );
    expect(run.lastStep).toBe(12);
    expect(recordUnit(run, 'exploit:three').origin({ epoch: 1, step: 2 })).toEqual({
      stage: 'exploit:three',
      epoch: 1,
      step: 14,
    });
    run.close('done');
  });
});
