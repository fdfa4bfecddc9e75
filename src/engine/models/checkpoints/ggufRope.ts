/** Rope scaling of a GGUF file in the form of config.json's `rope_scaling`. Linear and YaRN scaling are metadata;
 *  LongRoPE's are two tensors of factors, one a frequency; Llama 3's is one tensor, computed when the file was made: its
 *  few parameters are found again and checked against all factors. */
import { FormatError } from '../../../base/errors.js';
import { decimalOf, type GgufMetadata } from './ggufMetadata.js';

/** Divisors of the frequencies, [d], d half of the channels that turn. */
type RopeFactors = Float32Array;

/** The tensors that hold factors; they are configuration, not weights. */
export const ropeTensorNames = ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight'] as const;

/** Those that the file has. */
export type RopeTensors = ReadonlyMap<string, RopeFactors>;

interface RopeContext {
  /** Its metadata keys begin with this. */
  readonly architecture: string;
  readonly tensors: RopeTensors;
  readonly theta: number;
  readonly headSize: number;
  readonly contextLength: number;
}

interface Llama3Scaling {
  readonly factor: number;
  readonly low: number;
  readonly high: number;
  readonly originalLength: number;
}

/** @returns null when positions are not scaled */
export function parseRopeScaling(
  metadata: GgufMetadata,
  context: RopeContext,
): Readonly<Record<string, unknown>> | null {
  const [published, short, long] = ropeTensorNames.map((name) => context.tensors.get(name) ?? null);
  const key = (name: string): string => `${context.architecture}.rope.${name}`;
  const decimal = (name: string): number | null => {
    const value = metadata.number(key(name));
    return value === null ? null : decimalOf(value);
  };
  if (published) return llama3Scaling(published, context, metadata.where);
  const original = metadata.number(key('scaling.original_context_length'));
  const originalContext = original === null ? {} : { original_max_position_embeddings: original };
  const attnFactor = decimal('scaling.attn_factor');
  if (short || long) {
    if (!short || !long) {
      throw new FormatError('one of two lists of rope factors is missing', {
        where: metadata.where,
        expected: `${ropeTensorNames[1]} and ${ropeTensorNames[2]}`,
      });
    }
    return {
      rope_type: 'longrope',
      short_factor: Array.from(short, decimalOf),
      long_factor: Array.from(long, decimalOf),
      ...originalContext,
      ...(attnFactor === null || isRecommended(attnFactor, context.contextLength, original)
        ? {}
        : { attention_factor: attnFactor }),
    };
  }
  const type = metadata.text(key('scaling.type')) ?? (metadata.has(key('scale_linear')) ? 'linear' : 'none');
  if (type !== 'yarn' && attnFactor !== null && attnFactor !== 1) {
    throw new FormatError(`${key('scaling.attn_factor')} is not supported`, {
      where: metadata.where,
      expected: '1 without yarn or rope factors',
      got: String(attnFactor),
    });
  }
  if (type === 'none') return null;
  const factor = decimal('scaling.factor') ?? decimal('scale_linear') ?? 1;
  if (type === 'linear') return factor === 1 ? null : { rope_type: 'linear', factor };
  if (type === 'yarn') {
    const [fast, slow] = [decimal('scaling.yarn_beta_fast'), decimal('scaling.yarn_beta_slow')];
    const times = (attnFactor ?? 1) * (decimal('scaling.yarn_attn_factor') ?? 1);
    return {
      rope_type: 'yarn',
      factor,
      ...originalContext,
      ...(fast === null ? {} : { beta_fast: fast }),
      ...(slow === null ? {} : { beta_slow: slow }),
      // llama.cpp multiplies the scale that YaRN recommends.
      ...(times === 1 ? {} : { attention_factor: times * (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1) }),
    };
  }
  throw new FormatError('unknown kind of rope scaling', {
    where: metadata.where,
    expected: 'none, linear, yarn, or tensors of factors',
    got: type,
    remedy: 'Serve the model with llama.cpp and use the notation openai:NAME.',
  });
}

/** Whether the file holds, perhaps rounded, the factor that LongRoPE recommends and transformers computes. */
function isRecommended(factor: number, contextLength: number, original: number | null): boolean {
  const stretch = contextLength / (original ?? contextLength);
  const recommended = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original ?? contextLength));
  return Math.abs(factor / recommended - 1) < 1e-4;
}

function llama3Scaling(
  factors: RopeFactors,
  { theta, headSize }: RopeContext,
  where: string,
): Readonly<Record<string, unknown>> | null {
  if (factors.length !== headSize / 2) {
    throw new FormatError('the rope factors do not fit the heads', {
      where,
      expected: `${headSize / 2} factors`,
      got: `${factors.length}`,
    });
  }
  if (factors.every((value) => value === 1)) return null;
  const wavelengths = Array.from(factors, (_, i) => 2 * Math.PI * theta ** ((2 * i) / headSize));
  const factor = decimalOf(Math.max(...factors));
  const published: Llama3Scaling = { factor, low: 1, high: 4, originalLength: 8192 };
  const scaling = [published, ...fitScaling(factors, wavelengths, factor)].find((candidate) =>
    explains(candidate, factors, wavelengths),
  );
  if (scaling === undefined) {
    throw new FormatError('the rope factors follow no known rule', {
      where,
      got: Array.from(factors.subarray(0, 8)).join(', '),
    });
  }
  return {
    rope_type: 'llama3',
    factor: scaling.factor,
    low_freq_factor: scaling.low,
    high_freq_factor: scaling.high,
    original_max_position_embeddings: scaling.originalLength,
  };
}

/** In between the two limits, 1/factor is a straight line over 1/wavelength: two points of it give the parameters, with
 *  `low` = 1, since only the quotients original/low and original/high are in the factors. */
function fitScaling(factors: RopeFactors, wavelengths: readonly number[], factor: number): readonly Llama3Scaling[] {
  const points = Array.from(factors, (value, i) => ({
    x: 1 / (wavelengths[i] ?? 1),
    y: (1 / value - 1 / factor) / (1 - 1 / factor),
  }));
  const between = points.filter(({ y }) => y > 1e-3 && y < 1 - 1e-3);
  const first = between[0];
  const last = between.at(-1);
  if (first === undefined || last === undefined || first.x === last.x) return [];
  const slope = (first.y - last.y) / (first.x - last.x);
  const span = -1 / (first.y - slope * first.x);
  return [{ factor, low: 1, high: Number((1 + span).toPrecision(4)), originalLength: Math.round(slope * span) }];
}

/** Formula: transformers `_compute_llama3_parameters`. */
function explains(
  { factor, low, high, originalLength }: Llama3Scaling,
  factors: RopeFactors,
  wavelengths: readonly number[],
): boolean {
  return wavelengths.every((wavelength, i) => {
    const smooth = Math.min(1, Math.max(0, (originalLength / wavelength - low) / (high - low)));
    const expected = 1 / ((1 - smooth) / factor + smooth);
    return Math.abs(expected - (factors[i] ?? 0)) <= 1e-4 * expected;
  });
}
