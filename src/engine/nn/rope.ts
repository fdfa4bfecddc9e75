/** Rotary position embeddings: how many channels of a head turn, by which angle each pair of them, and the tables of
 *  cosines and sines.
 *
 *  Owns: reading the rope settings of a config.json (the old `rope_theta` + `rope_scaling` and the `rope_parameters` of
 *  transformers 5), the inverse frequencies, the tables. Arithmetic is rounded to float32 where transformers rounds, so
 *  that tables agree at large positions too, where a float32 angle is off by up to position × 6e-8 radians. Source:
 *  arXiv 2104.09864; transformers 5.23 `modeling_rope_utils.py` for the scalings. */
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
    }
  /** Each frequency divided by its own factor, cosines and sines multiplied by one. There is a second list of factors
   *  for sequences longer than the original context, whose first tokens turn otherwise because of the last; only
   *  sequences up to that context are read here. */
  | {
      readonly kind: 'longrope';
      readonly factors: readonly number[];
      readonly attentionFactor: number;
      readonly originalContext: number;
    };

export interface RopeSettings {
  /** Base of the geometric series of wavelengths. */
  readonly theta: number;
  /** Share of a head's channels that turn: the first ones, their number rounded down. */
  readonly fraction: number;
  readonly scaling: RopeScaling;
}

/** Settings in which families differ from Llama. */
export interface RopeDefaults {
  readonly theta?: number;
  /** The key outside of the rope settings; default 'rope_theta'. */
  readonly thetaKey?: string;
  /** Default: all channels turn, and a configuration that says otherwise is refused. */
  readonly fraction?: number;
  /** Default 'partial_rotary_factor'. */
  readonly fractionKey?: string;
  /** Other names of scalings. */
  readonly aliases?: Readonly<Record<string, string>>;
}

const known = ['default', 'linear', 'llama3', 'longrope'] as const;

/** The rope settings of a config.json, in either spelling.
 *  @throws ConfigError for a scaling that is not known (dynamic, yarn, …) or lacks a number */
export function parseRopeSettings(
  config: Readonly<Record<string, unknown>>,
  where: string,
  defaults: RopeDefaults = {},
): RopeSettings {
  const parameters = objectOr(config['rope_parameters'], `${where}: rope_parameters`);
  const legacy = objectOr(config['rope_scaling'], `${where}: rope_scaling`);
  // transformers gives rope_scaling precedence where both are written (convert_rope_params_to_dict).
  const settings = legacy ?? parameters ?? {};
  const { thetaKey = 'rope_theta', fractionKey = 'partial_rotary_factor', aliases = {} } = defaults;
  const theta = numberOr(
    settings['rope_theta'] ?? parameters?.['rope_theta'] ?? config[thetaKey],
    defaults.theta ?? 10_000,
    `${where}: ${thetaKey}`,
  );
  const partial = settings['partial_rotary_factor'] ?? config[fractionKey];
  const fraction = numberOr(partial, defaults.fraction ?? 1, `${where}: ${fractionKey}`);
  if (fraction > 1 || (defaults.fraction === undefined && fraction !== 1)) {
    throw new ConfigError('Partial rotary embeddings are not supported', {
      where,
      expected: `${fractionKey} 1`,
      got: JSON.stringify(partial),
    });
  }
  const named = settings['rope_type'] ?? settings['type'] ?? 'default';
  const kind = typeof named === 'string' && Object.hasOwn(aliases, named) ? aliases[named] : named;
  return { theta, fraction, scaling: parseScaling(kind, settings, config, where) };
}

/** Channels of a head that turn. */
export function rotatedChannels({ fraction }: RopeSettings, headSize: number): number {
  return Math.trunc(headSize * fraction);
}

/** Positions that can be turned as transformers does, of a model that has `contextLength` of them. */
export function rotatablePositions({ scaling }: RopeSettings, contextLength: number): number {
  return scaling.kind === 'longrope' ? Math.min(scaling.originalContext, contextLength) : contextLength;
}

function parseScaling(
  kind: unknown,
  settings: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  where: string,
): RopeScaling {
  const required = (key: string): number =>
    numberOr(settings[key], undefined, `${where}: ${key} of rope scaling '${String(kind)}'`);
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
        originalContext: originalContext(settings, config, where),
      };
    case 'longrope':
      return longropeScaling(settings, config, where);
    default:
      throw new ConfigError('Unknown rope scaling', {
        where,
        expected: `one of ${known.join(', ')}`,
        got: JSON.stringify(kind),
      });
  }
}

function originalContext(
  settings: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  where: string,
): number {
  const key = 'original_max_position_embeddings';
  return numberOr(config[key] ?? settings[key] ?? config['max_position_embeddings'], undefined, `${where}: ${key}`);
}

function longropeScaling(
  settings: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  where: string,
): RopeScaling {
  const factors = settings['short_factor'];
  if (!Array.isArray(factors) || !factors.every((each): each is number => typeof each === 'number' && each > 0)) {
    throw new ConfigError('Unreadable rope settings', {
      where: `${where}: short_factor`,
      expected: 'a list of positive numbers',
      got: JSON.stringify(factors) ?? 'nothing',
    });
  }
  const original = originalContext(settings, config, where);
  const longest = numberOr(config['max_position_embeddings'], original, `${where}: max_position_embeddings`);
  const stretch = numberOr(settings['factor'], longest / original, `${where}: factor`);
  const recommended = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original));
  return {
    kind: 'longrope',
    factors,
    attentionFactor: numberOr(settings['attention_factor'], recommended, `${where}: attention_factor`),
    originalContext: original,
  };
}

/** Radians a position turns each of the d channel pairs by, rounded to float32. Shape [d], d half of the channels that
 *  turn.
 *  @throws ConfigError when there are factors for another number of pairs */
export function inverseFrequencies(settings: RopeSettings, headSize: number): Float32Array {
  const { theta, scaling } = settings;
  const channels = rotatedChannels(settings, headSize);
  const wavelength = (i: number): number => Math.fround(theta ** Math.fround((2 * i) / channels));
  const plain = Float32Array.from({ length: channels / 2 }, (_, i) => Math.fround(1 / wavelength(i)));
  switch (scaling.kind) {
    case 'none':
      return plain;
    case 'linear':
      return plain.map((f) => f / scaling.factor);
    case 'llama3':
      return plain.map((f) => llama3Frequency(f, scaling));
    case 'longrope':
      if (scaling.factors.length !== plain.length) {
        throw new ConfigError('The rope factors do not fit the heads', {
          expected: `${String(plain.length)} short factors`,
          got: String(scaling.factors.length),
        });
      }
      return plain.map((_, i) => 1 / Math.fround(Math.fround(scaling.factors[i] ?? 1) * wavelength(i)));
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
  /** Cosines and sines, row-major [positions, d]. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
  /** d, half of the channels that turn */
  readonly width: number;
}

/** Tables for positions 0 … positions − 1. */
export function ropeTables(settings: RopeSettings, headSize: number, positions: number): RopeTables {
  const frequencies = inverseFrequencies(settings, headSize);
  const width = frequencies.length;
  const factor = settings.scaling.kind === 'longrope' ? settings.scaling.attentionFactor : 1;
  const cos = new Float32Array(positions * width);
  const sin = new Float32Array(positions * width);
  for (let p = 0; p < positions; p++) {
    frequencies.forEach((frequency, i) => {
      const angle = Math.fround(p * frequency);
      cos[p * width + i] = Math.cos(angle) * factor;
      sin[p * width + i] = Math.sin(angle) * factor;
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
    throw new ConfigError('Unreadable rope settings', {
      where,
      expected: 'a positive number',
      got: JSON.stringify(chosen),
    });
  }
  return chosen;
}
