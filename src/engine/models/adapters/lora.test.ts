import { describe, expect, it } from 'vitest';
import { architectureOf } from '../all.js';
import { languageVariants, readGolden, relativeDifference } from '../testing/goldenModels.js';
import { linearMaps, mergedWeight, planAdapter } from './lora.js';
import { matchTargets } from './targetModules.js';

const architecture = (variant: string): ReturnType<typeof architectureOf> =>
  architectureOf(readGolden(variant).config, 'language', variant);

describe('linear maps', () => {
  it.each(languageVariants)(
    '%s: every matrix inside the layers is one, so an adapter can go on it; tables are none',
    (variant) => {
      const body = architecture(variant);
      const matrices = body.body
        .filter(({ name, shape }) => shape.length === 2 && !/(embed|wte|wpe)[^.]*\.weight$/.test(name))
        .map(({ name }) => name);
      expect([...linearMaps(body).keys()].map((name) => `${name}.weight`).sort()).toEqual([...matrices].sort());
      expect(
        planAdapter(body, { rank: 1, alpha: 1, rsLora: false, targetModules: 'all-linear' }, 'here').maps.size,
      ).toBe(matrices.length);
    },
  );
});

describe('matchTargets', () => {
  const names = ['h.0.attn.q', 'h.0.mlp.up', 'h.1.attn.q', 'h.1.mlp.up', 'h.11.mlp.up'];
  it.each([
    ['all-linear', names],
    [['q'], ['h.0.attn.q', 'h.1.attn.q']],
    [['mlp.up'], ['h.0.mlp.up', 'h.1.mlp.up', 'h.11.mlp.up']],
    [['1.mlp.up'], ['h.1.mlp.up']],
    [
      ['up', 'h.0.attn.q'],
      ['h.0.attn.q', 'h.0.mlp.up', 'h.1.mlp.up', 'h.11.mlp.up'],
    ],
    ['h\\.1\\..*', ['h.1.attn.q', 'h.1.mlp.up']],
    ['.*\\.(q|k)', ['h.0.attn.q', 'h.1.attn.q']],
  ] as const)('%j names %j, as PEFT reads it', (targets, expected) => {
    expect(matchTargets(targets, names, 'here')).toEqual(expected);
  });

  it('the end of a name begins at a dot, and a pattern is for whole names', () => {
    expect(() => matchTargets(['p'], names, 'here')).toThrow(/h\.N\.mlp\.up/);
    expect(() => matchTargets('attn', names, 'here')).toThrow(/no linear map/);
  });
});

describe('mergedWeight', () => {
  it('is W + scale · B A in either layout', () => {
    // B A = [[1·5 + 2·7, 1·6 + 2·8], [3·5 + 4·7, …], [−1·5, −1·6]], outputs 3, inputs 2.
    const [low, high] = [Float32Array.of(5, 6, 7, 8), Float32Array.of(1, 2, 3, 4, -1, 0)];
    const product = [
      [19, 22],
      [43, 50],
      [-5, -6],
    ];
    const zero = new Float32Array(6);
    const [outIn, inOut] = (['outIn', 'inOut'] as const).map((layout) =>
      mergedWeight(zero.fill(1), { low, high, scale: 0.5 }, { inputs: 2, outputs: 3, layout }),
    );
    expect([...(outIn ?? [])]).toEqual(product.flat().map((value) => 1 + value / 2));
    expect(
      relativeDifference(
        inOut ?? [],
        [0, 1].flatMap((i) => product.map((row) => 1 + (row[i] ?? 0) / 2)),
      ),
    ).toBe(0);
  });
});
