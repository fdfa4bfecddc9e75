import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { inverseFrequencies, ropeTables } from './rope.js';
import { parseRopeSettings } from './ropeSettings.js';

interface GoldenRope {
  readonly config: Readonly<Record<string, unknown>>;
  readonly inverseFrequencies: readonly number[];
  readonly positions: readonly number[];
  readonly cos: readonly (readonly number[])[];
  readonly sin: readonly (readonly number[])[];
}

// tests/golden/models.py, from transformers
const golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../tests/golden/models/rope.json'), 'utf8'),
) as Record<string, GoldenRope>;

describe('rotary position embeddings', () => {
  it.each(Object.keys(golden))(
    '%s: frequencies and tables equal those of transformers, at the last position too',
    (name) => {
      const { config, positions, cos, sin, inverseFrequencies: expected } = golden[name] as GoldenRope;
      const settings = parseRopeSettings(config, name);
      const headSize = config['head_dim'] as number;
      const frequencies = inverseFrequencies(settings, headSize);
      // One float32 rounding of the power may differ between libraries: 2^-23 relative.
      expected.forEach((value, i) => expect(Math.abs((frequencies[i] ?? 0) / value - 1)).toBeLessThan(2.4e-7));
      const tables = ropeTables(settings, headSize, Math.max(...positions) + 1);
      positions.forEach((position, row) => {
        // That rounding, times the position: the angle's error in radians.
        const tolerance = 1e-6 + position * 1.2e-7;
        for (let i = 0; i < tables.width; i++) {
          expect(Math.abs((tables.cos[position * tables.width + i] ?? 0) - (cos[row]?.[i] ?? 9))).toBeLessThan(
            tolerance,
          );
          expect(Math.abs((tables.sin[position * tables.width + i] ?? 0) - (sin[row]?.[i] ?? 9))).toBeLessThan(
            tolerance,
          );
        }
      });
    },
  );

  it('the old and the new spelling of a configuration are one setting', () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    const old = parseRopeSettings(
      { rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...scaling } },
      'config.json',
    );
    const recent = parseRopeSettings(
      { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...scaling } },
      'config.json',
    );
    expect(recent).toEqual(old);
    expect(parseRopeSettings({}, 'config.json')).toEqual({ theta: 10_000, fraction: 1, scaling: { kind: 'none' } });
  });

  it.each(['proportional', 'mrope'])('scaling %s is refused by name, with those known', (kind) => {
    const parse = (): unknown => parseRopeSettings({ rope_scaling: { type: kind, factor: 2 } }, 'config.json');
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(new RegExp(`default, linear, dynamic, yarn, longrope, llama3[^]*"${kind}"`));
  });

  it('a scaling without its factor, and a partial rotation, are refused', () => {
    expect(() => parseRopeSettings({ rope_scaling: { type: 'linear' } }, 'config.json')).toThrow(/factor/);
    expect(() => parseRopeSettings({ partial_rotary_factor: 0.5 }, 'config.json')).toThrow(/partial/i);
  });
});
