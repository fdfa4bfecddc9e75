import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { averageStore } from './averageStore.js';
import { openDevice, type Device } from './device.js';
import { MemoryPool } from './memoryPool.js';
import { createResidentStore, readFlat, writeTensor, type ResidentStore } from './residentStore.js';

type Named = Readonly<Record<string, readonly number[]>>;

/** Written by tests/golden/td3bc.py. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/golden/td3bc/averages.json'), 'utf8'),
) as {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly online: Named;
  readonly target: Named;
  readonly steps: readonly { readonly share: number; readonly target: Named }[];
};
const entries = Object.entries(golden.shapes).map(([name, shape]) => ({ name, shape }));

function storeOf(pool: MemoryPool, id: number, values: Named): ResidentStore {
  const store = createResidentStore(pool, id, entries, null);
  for (const [name, data] of Object.entries(values)) writeTensor(store, name, Float32Array.from(data));
  return store;
}

const flat = (values: Named): readonly number[] => entries.flatMap(({ name }) => [...(values[name] ?? [])]);

describe.each([
  ['in one memory', false],
  ['in two memories', true],
])('Polyak averages of stores %s', (_, apart) => {
  it('equal torch to 1e-7 over several steps', () => {
    const pool = new MemoryPool();
    const online = storeOf(pool, 1, golden.online);
    const target = storeOf(apart ? new MemoryPool() : pool, 2, golden.target);
    for (const step of golden.steps) {
      averageStore(online, target, step.share);
      const wanted = flat(step.target);
      const got = readFlat(target);
      expect(got).toHaveLength(wanted.length);
      got.forEach((value, i) => {
        expect(Math.abs(value - (wanted[i] ?? NaN))).toBeLessThanOrEqual(1e-7 * Math.max(1, Math.abs(value)));
      });
    }
    expect([...readFlat(online)]).toEqual(flat(golden.online));
  });
});

describe('Polyak averages on a device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.close());

  it('leave the online weights, count as a change of the target and refuse what does not fit', async () => {
    const entry = [{ name: 'weight', shape: [5] }];
    const [online, target] = [await device.createStore(entry), await device.createStore(entry)];
    await device.fill(online, 1);
    const before = device.version(target);
    await device.average(online, target, 0.25);
    await device.average(online, target, 0.5);
    expect([...(await device.readAll(target))]).toEqual(Array(5).fill(0.625));
    expect([...(await device.readAll(online))]).toEqual(Array(5).fill(1));
    expect(device.version(target)).toBe(before + 2);
    await expect(device.average(online, target, 1.5)).rejects.toThrow(/a number from 0 to 1/);
    const other = await device.createStore([{ name: 'weight', shape: [6] }]);
    await expect(device.average(online, other, 0.5)).rejects.toThrow(/different tensors/);
  });
});
