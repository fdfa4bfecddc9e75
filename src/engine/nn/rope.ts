/** Rotary position embeddings: how many channels of a head turn, by which angle each pair of them, and the tables of
 *  cosines and sines.
 *
 *  Owns: the inverse frequencies and the tables. Arithmetic is rounded to float32 where transformers rounds, so that
 *  tables agree at large positions too, where a float32 angle is off by up to position × 6e-8 radians. Source: arXiv
 *  2104.09864; transformers 5.23 `modeling_rope_utils.py` for the scalings. */
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
    }
  /** Frequencies that turn often within the original context stay, those that hardly turn are divided by `factor`,
   *  those between are mixed; cosines and sines multiplied by one factor. */
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      /** Turns within the original context from which on a frequency stays, and up to which it is divided. */
      readonly betaFast: number;
      readonly betaSlow: number;
      /** The bounds between which frequencies are mixed are whole numbers. */
      readonly wholeBounds: boolean;
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

/** Channels of a head that turn. */
export function rotatedChannels({ fraction }: RopeSettings, headSize: number): number {
  return Math.trunc(headSize * fraction);
}

/** Positions that can be turned as transformers does, of a model that has `contextLength` of them. */
export function rotatablePositions({ scaling }: RopeSettings, contextLength: number): number {
  return scaling.kind === 'longrope' ? Math.min(scaling.originalContext, contextLength) : contextLength;
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
    case 'yarn':
      return yarnFrequencies(
        Float32Array.from(plain, (_, i) => wavelength(i)),
        theta,
        scaling,
      );
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

/** @param wavelengths inverse of the plain frequencies, [d] */
function yarnFrequencies(
  wavelengths: Float32Array,
  theta: number,
  scaling: Extract<RopeScaling, { kind: 'yarn' }>,
): Float32Array {
  const { factor, betaFast, betaSlow, wholeBounds, originalContext } = scaling;
  const channels = 2 * wavelengths.length;
  const pairThatTurns = (times: number): number =>
    (channels * Math.log(originalContext / (times * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairThatTurns(betaFast), pairThatTurns(betaSlow)];
  const low = Math.max(wholeBounds ? Math.floor(first) : first, 0);
  const high = Math.min(wholeBounds ? Math.ceil(last) : last, channels - 1);
  const width = high === low ? 0.001 : high - low;
  return wavelengths.map((wavelength, i) => {
    const kept = Math.fround(1 - Math.min(1, Math.max(0, Math.fround(Math.fround(i - low) / Math.fround(width)))));
    const divided = Math.fround(1 / Math.fround(factor * wavelength));
    return Math.fround(divided * Math.fround(1 - kept)) + Math.fround(Math.fround(1 / wavelength) * kept);
  });
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
  const { scaling } = settings;
  const factor = scaling.kind === 'longrope' || scaling.kind === 'yarn' ? scaling.attentionFactor : 1;
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
