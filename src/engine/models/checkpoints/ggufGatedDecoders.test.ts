import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { architectureOf } from '../all.js';
import { gatedDecoderArchitectures } from './ggufGatedDecoders.js';
import { openCheckpoint } from './openCheckpoint.js';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../tests/golden/ggufDecoders/${name}`, import.meta.url));

interface Loaded {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;
}

// tests/golden/ggufDecoders.py: what transformers loads from the same files
const models = JSON.parse(readFileSync(golden('models.json'), 'utf8')) as Record<string, Loaded>;

describe.each(gatedDecoderArchitectures)('a GGUF file of %s', (name) => {
  const { config, tensors } = models[name] ?? { config: {}, tensors: {} };

  it('has the tensors that transformers loads from it, by name, shape and value', async () => {
    const checkpoint = await openCheckpoint(golden(`${name}.gguf`));
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [tensorName, tensor] of checkpoint.tensors) {
      expect(tensor.shape, tensorName).toEqual(tensors[tensorName]?.shape);
      expect(
        createHash('sha256')
          .update(await tensor.read())
          .digest('hex'),
        tensorName,
      ).toBe(tensors[tensorName]?.sha256);
    }
    await checkpoint.close();
  });

  it('is the same architecture as the configuration that transformers makes of it', async () => {
    const checkpoint = await openCheckpoint(golden(`${name}.gguf`));
    await checkpoint.close();
    const parsed = (raw: Readonly<Record<string, unknown>>): unknown => {
      const {
        raw: _raw,
        activation,
        ...rest
      } = architectureOf(raw, 'language', name).config as ReturnType<typeof architectureOf>['config'] & {
        activation?: unknown;
      };
      // GGUF keeps f32: 1e-5 is 9.99999975e-6 to transformers
      return {
        activation,
        ...(JSON.parse(
          JSON.stringify(rest, (_key, value: unknown) => (typeof value === 'number' ? Math.fround(value) : value)),
        ) as object),
      };
    };
    expect(parsed(checkpoint.config)).toEqual(parsed(config));
  });
});
