/** The probe against a model of two numbers, on a server that divides, clips and loads as a test says. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packTar } from '../../base/tar.js';
import { encodeSafetensorsHeader } from '../../engine/models/checkpoints/safetensorsHeader.js';
import type { TinkerDatum, TinkerLesson, TinkerModel } from '../../remote/tinker/model.js';
import { type Measured, measureNormalisation, probeData, scaleOf } from './normalisation.js';

interface Server {
  /** Returns the number that divides the share of a sequence of `tokens` in a step of `sequences`. */
  readonly divisor: (tokens: number, sequences: number) => number;
  readonly clips?: boolean;
  readonly loads?: boolean;
  /** The way a step goes; −1 goes uphill. */
  readonly direction?: number;
}

const sum: Server['divisor'] = () => 1;
const sequenceMean: Server['divisor'] = (tokens, sequences) => tokens * sequences;

/** log p of token t is −4 + θ·x_t with x_t = (cos t, sin t): its gradient is x_t, whatever θ is. */
function modelOf({ divisor, clips = false, loads = true, direction = 1 }: Server): TinkerModel {
  let theta = [0, 0];
  const features = (token: number): readonly [number, number] => [Math.cos(token), Math.sin(token)];
  const logProb = (token: number): number => features(token).reduce((at, x, i) => at + x * (theta[i] ?? NaN), -4);
  const gradient = (lessons: readonly TinkerLesson[]): readonly number[] =>
    [0, 1].map((i) =>
      lessons
        .flatMap(({ targets, advantages }) =>
          targets.map(
            (token, t) =>
              (-(advantages[t] ?? NaN) * (features(token)[i] ?? NaN)) / divisor(targets.length, lessons.length),
          ),
        )
        .reduce((total, each) => total + each, 0),
    );
  return {
    forward: async (data) => data.map(({ targets }: TinkerDatum) => targets.map(logProb)),
    train: async (lessons, { learning_rate: rate, eps, grad_clip_norm: clip }) => {
      const full = gradient(lessons);
      const norm = Math.hypot(...full);
      const kept = clips && clip > 0 && norm > clip ? clip / norm : 1;
      // Adam's first step: the averages, freed of their bias, are the gradient and its square.
      theta = theta.map((at, i) => {
        const g = (full[i] ?? NaN) * kept;
        return at - (direction * rate * g) / (Math.abs(g) + eps);
      });
      return { gradientNorm: norm };
    },
    save: async () => 'tinker://m/weights/x',
    load: async () => {
      if (loads) theta = [0, 0];
    },
    adapter: async () => {
      const header = encodeSafetensorsHeader([{ name: 'a', shape: [2], bytes: 8 }], 'F32');
      const weights = Buffer.concat([header, new Uint8Array(Float32Array.from(theta).buffer)]);
      return gzipSync(
        packTar([
          { name: 'adapter_config.json', bytes: new TextEncoder().encode('{}') },
          { name: 'adapter_model.safetensors', bytes: weights },
        ]),
      );
    },
    close: async () => undefined,
  };
}

const measure = (server: Server): Promise<Measured> => measureNormalisation(modelOf(server), 'start', 100, 'a server');

describe('the probe of a trainer', () => {
  it.each([
    ['sum', sum],
    ['sequenceMean', sequenceMean],
  ] as const)('knows a %s, and whether gradients are clipped', async (normalisation, divisor) => {
    expect(await measure({ divisor })).toEqual({ normalisation, clips: false });
    expect(await measure({ divisor, clips: true })).toEqual({ normalisation, clips: true });
  });

  it('makes the server’s gradient that of the loss', () => {
    const [, datum] = probeData(100);
    const tokens = datum?.inputs.length ?? NaN;
    expect(scaleOf('sequenceMean', datum ?? { inputs: [], targets: [] }, 2)).toBe(sequenceMean(tokens, 2));
    expect(scaleOf('sum', datum ?? { inputs: [], targets: [] }, 2)).toBe(sum(tokens, 2));
  });

  it.each<readonly [string, Server, RegExp]>([
    ['divides by the tokens of a sequence alone', { divisor: (tokens) => tokens }, /a factor of 0\.2/],
    ['does not load what it saved', { divisor: sum, loads: false }, /the weights that were saved/],
    ['goes the other way', { divisor: sum, direction: -1 }, /none of ten steps did/],
  ])('refuses a server that %s', async (_what, server, message) => {
    await expect(measure(server)).rejects.toThrow(message);
  });
});
