/** Rotary position embeddings: which angle each pair of a head's channels turns by, and the tables of cosines and sines.
 *
 *  Owns: reading the rope settings of a config.json (the old `rope_theta` + `rope_scaling` and the `rope_parameters` of
 *  transformers 5), the inverse frequencies, the tables. Arithmetic is rounded to float32 where transformers rounds, so that
 *  tables agree at large positions too, where a float32 angle is off by up to position × 6e-8 radians.
 *  Source: arXiv 2104.09864; transformers 5.23 `modeling_rope_utils.py` for the scalings. */
import { ConfigError } from '../../base/errors.js';

/** How the frequencies of the original context are stretched to a longer one. */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContext: number;
    };

export interface RopeSettings {
  /** Base of the geometric series of wavelengths. */
  readonly theta: number;
  readonly scaling: RopeScaling;
}

const known = ['default', 'linear', 'llama3'] as const;

/** The rope settings of a config.json, in either spelling.
 *  @throws ConfigError for a scaling that is not known (dynamic, yarn, longrope, …) or lacks a number */
export function parseRopeSettings(config: Readonly<Record<string, unknown>>, where: string): RopeSettings {
  const parameters = objectOr(config['rope_parameters'], `${where}: rope_parameters`);
  const legacy = objectOr(config['rope_scaling'], `${where}: rope_scaling`);
  // transformers gives rope_scaling precedence where both are written (convert_rope_params_to_dict).
  const settings = legacy ?? parameters ?? {};
  const theta = numberOr(settings['rope_theta'] ?? parameters?.['rope_theta'] ?? config['rope_theta'], 10_000, `${where}: rope_theta`);
  const partial = settings['partial_rotary_factor'] ?? config['partial_rotary_factor'];
  if (partial !== undefined && partial !== null && partial !== 1) {
    throw new ConfigError('Partial rotary embeddings are not supported', { where, expected: 'partial_rotary_factor 1', got: JSON.stringify(partial) });
  }
  const kind = settings['rope_type'] ?? settings['type'] ?? 'default';
  return { theta, scaling: parseScaling(kind, settings, config, where) };
}

function parseScaling(
  kind: unknown,
  settings: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  where: string,
): RopeScaling {
  const required = (key: string): number => numberOr(settings[key], undefined, `${where}: ${key} of rope scaling '${String(kind)}'`);
  switch (kind) {
    case 'default':
      return { kind: 'none' };
    case 'linear':
      return { kind: 'linear', factor: required('factor') };
    case 'llama3':
      return {
        kind: 'llama3',
        factor: required('factor'),
        lowFrequencyFactor: required('low_freq_factor'),
        highFrequencyFactor: required('high_freq_factor'),
        originalContext: numberOr(
          settings['original_max_position_embeddings'] ?? config['max_position_embeddings'],
          undefined,
          `${where}: original_max_position_embeddings`,
        ),
      };
    default:
      throw new ConfigError('Unknown rope scaling', { where, expected: `one of ${known.join(', ')}`, got: JSON.stringify(kind) });
  }
}

/** Radians a position turns each of the headSize/2 channel pairs by, rounded to float32. Shape [headSize / 2]. */
export function inverseFrequencies({ theta, scaling }: RopeSettings, headSize: number): Float32Array {
  const plain = Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const exponent = Math.fround((2 * i) / headSize);
    return Math.fround(1 / Math.fround(theta ** exponent));
  });
  switch (scaling.kind) {
    case 'none':
      return plain;
    case 'linear':
      return plain.map((f) => f / scaling.factor);
    case 'llama3':
      return plain.map((f) => llama3Frequency(f, scaling));
  }
}

/** Short waves stay, long ones are slowed by `factor`, those between are interpolated smoothly. */
function llama3Frequency(frequency: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContext } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength > originalContext / lowFrequencyFactor) return frequency / factor;
  if (wavelength < originalContext / highFrequencyFactor) return frequency;
  const smooth = (originalContext / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

export interface RopeTables {
  /** Cosines and sines, row-major [positions, headSize / 2]. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
  /** headSize / 2 */
  readonly width: number;
}

/** Tables for positions 0 … positions − 1. */
export function ropeTables(settings: RopeSettings, headSize: number, positions: number): RopeTables {
  const frequencies = inverseFrequencies(settings, headSize);
  const width = frequencies.length;
  const cos = new Float32Array(positions * width);
  const sin = new Float32Array(positions * width);
  for (let p = 0; p < positions; p++) {
    frequencies.forEach((frequency, i) => {
      const angle = Math.fround(p * frequency);
      cos[p * width + i] = Math.cos(angle);
      sin[p * width + i] = Math.sin(angle);
    });
  }
  return { cos, sin, positions, width };
}

function objectOr(value: unknown, where: string): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError('Unreadable rope settings', { where, expected: 'an object', got: JSON.stringify(value) });
  }
  return value as Readonly<Record<string, unknown>>; // checked just above
}

function numberOr(value: unknown, otherwise: number | undefined, where: string): number {
  const chosen = value ?? otherwise;
  if (typeof chosen !== 'number' || !(chosen > 0)) {
    throw new ConfigError('Unreadable rope settings', { where, expected: 'a positive number', got: JSON.stringify(chosen) });
  }
  return chosen;
}
