import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { present } from '../../../base/invariant.js';
import { architectureOf } from '../all.js';
import { gatedDecoderArchitectures } from './ggufGatedDecoders.js';
import { openCheckpoint } from './openCheckpoint.js';
import { expectTensors, type LoadedByTransformers } from './testing/expectTensors.js';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../tests/golden/ggufDecoders/${name}`, import.meta.url));

// tests/golden/ggufDecoders.py: what transformers loads from the same files
const models = JSON.parse(readFileSync(golden('models.json'), 'utf8')) as Record<string, LoadedByTransformers>;

describe.each(gatedDecoderArchitectures)('a GGUF file of %s', (name) => {
  const model = present(models[name], 'transformers has loaded a file per architecture');

  it('has the tensors that transformers loads from it, by name, shape and value', async () => {
    await expectTensors(golden(`${name}.gguf`), model);
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
    expect(parsed(checkpoint.config)).toEqual(parsed(model.config));
  });
});
