/** Reading the rope settings of a config.json: the old `rope_theta` with `rope_scaling` and the `rope_parameters` of
 *  transformers 5. Source: transformers 5.23 `modeling_rope_utils.py`. */
import { ConfigError } from '../../base/errors.js';
import type { RopeScaling, RopeSettings } from './rope.js';

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

const known = ['default', 'linear', 'dynamic', 'yarn', 'longrope', 'llama3'] as const;

/** The rope settings of a config.json, in either spelling.
 *  @throws ConfigError for a scaling that is not known or lacks a number */
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
    // It changes nothing up to max_position_embeddings, and longer sequences are refused by their length.
    case 'dynamic':
      return { kind: 'none' };
    case 'linear':
      return { kind: 'linear', factor: required('factor') };
    case 'yarn':
      return yarnScaling(settings, config, where);
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
        remedy: 'Serve the model with a program that knows this scaling and use it as a remote target.',
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

function yarnScaling(
  settings: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  where: string,
): RopeScaling {
  const original = originalContext(settings, config, where);
  const optional = (key: string): number | null => {
    const value = settings[key] ?? null;
    return value === null || value === 0 ? null : numberOr(value, undefined, `${where}: ${key}`);
  };
  const longest = numberOr(config['max_position_embeddings'], original, `${where}: max_position_embeddings`);
  const factor = optional('factor') ?? longest / original;
  const scaleOf = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const [above, below] = [optional('mscale'), optional('mscale_all_dim')];
  const recommended = above !== null && below !== null ? scaleOf(above) / scaleOf(below) : scaleOf(1);
  return {
    kind: 'yarn',
    factor,
    betaFast: optional('beta_fast') ?? 32,
    betaSlow: optional('beta_slow') ?? 1,
    wholeBounds: settings['truncate'] !== false,
    attentionFactor: numberOr(settings['attention_factor'], recommended, `${where}: attention_factor`),
    originalContext: original,
  };
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
