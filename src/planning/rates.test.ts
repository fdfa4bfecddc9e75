import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelIdentity, type ModelRates, rateKey, ratesPath, readRates, writeRates } from './rates.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-rates-'));
const modelOf = (name: string, weights: Uint8Array): string => {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'config.json'), '{}');
  writeFileSync(join(path, 'model.safetensors'), weights);
  return path;
};
const weights = new Uint8Array(200_000);
const path = modelOf('one', weights);
const key = rateKey(path, { threads: 2, device: 'cpu' });
const rates: ModelRates = {
  key,
  name: 'one',
  measuredAt: '1970-01-01T00:00:00.000Z',
  frozen: { reading: 1, generating: [{ batch: 1, tokensPerSecond: 2 }] },
  trainable: null,
  utterances: { format: 'plain', limit: 32, adversary: [3], target: [4] },
};

describe('rates in the cache', () => {
  it('are read back for the very key they were measured for, and for no other', () => {
    expect(readRates(folder, key)).toBeNull();
    expect(writeRates(folder, rates)).toBe(ratesPath(folder, key));
    expect(readRates(folder, key)).toMatchObject(rates);
    const others = [
      { threads: 3 },
      { device: 'cuda' },
      { model: 'x' },
      { processor: 'x' },
      { versions: { ...key.versions, onnxruntime: '0' } },
    ];
    for (const other of others) expect(readRates(folder, { ...key, ...other })).toBeNull();
  });

  it('that are damaged or of a newer version are none: measuring writes them anew', () => {
    for (const text of [
      '{',
      '{"schema":1}',
      JSON.stringify({ ...rates, schema: 2 }),
      JSON.stringify({ schema: 1, ...rates, trainable: { ...rates.frozen, training: 'fast' } }),
      JSON.stringify({ schema: 1, ...rates, frozen: { reading: 0, generating: [] } }),
    ]) {
      writeRates(folder, rates);
      writeFileSync(ratesPath(folder, key), text);
      expect(readRates(folder, key)).toBeNull();
    }
  });
});

describe('the identity of a model', () => {
  it('is that of its files, wherever they lie', () => {
    expect(modelIdentity(modelOf('copy', weights))).toBe(key.model);
  });

  it('changes with the first and the last bytes and with the size', () => {
    const changed = [0, weights.length - 1].map((at) => weights.map((byte, i) => (i === at ? 1 : byte)));
    const identities = [...changed, new Uint8Array(weights.length + 1)].map((bytes, i) =>
      modelIdentity(modelOf(`other-${i}`, bytes)),
    );
    expect(new Set([key.model, ...identities]).size).toBe(4);
  });
});
