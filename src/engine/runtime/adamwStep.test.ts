import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adamwStep, type AdamwStep } from './adamwStep.js';
import { MemoryPool } from './memoryPool.js';
import {
  createResidentStore,
  fillStore,
  readFlat,
  viewOf,
  residentTensor,
  writeTensor,
  type ResidentStore,
} from './residentStore.js';

type Named = Readonly<Record<string, readonly number[]>>;

interface GoldenStep {
  readonly learningRate: number;
  readonly gradientScale: number;
  readonly gradientNorm: number;
  readonly gradients: Named;
  readonly parameters: Named;
}

/** Written by tests/golden/adamw.py. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/golden/adamw/steps.json'), 'utf8'),
) as {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly cases: readonly {
    readonly maxGradientNorm: number | null;
    readonly weightDecay: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly initial: Named;
    readonly firstMoment: Named;
    readonly secondMoment: Named;
    readonly steps: readonly GoldenStep[];
  }[];
};
const entries = Object.entries(golden.shapes).map(([name, shape]) => ({ name, shape }));

type Stores = Readonly<Record<'parameters' | 'gradients' | 'firstMoment' | 'secondMoment', ResidentStore>>;

/** In one memory, or each in its own: then the kernel works through a staging memory. */
function createStores(apart: boolean): Stores {
  const pool = new MemoryPool();
  const create = (id: number): ResidentStore => createResidentStore(apart ? new MemoryPool() : pool, id, entries, null);
  return { parameters: create(1), gradients: create(2), firstMoment: create(3), secondMoment: create(4) };
}

function write(store: ResidentStore, values: Named): void {
  for (const [name, data] of Object.entries(values)) writeTensor(store, name, Float32Array.from(data));
}

function expectClose(store: ResidentStore, expected: Named): void {
  for (const [name, data] of Object.entries(expected)) {
    viewOf(residentTensor(store, name)).forEach((value, index) => {
      const want = data[index] ?? NaN;
      // Single precision, rounded in another order for fused operations of torch.
      expect(Math.abs(value - want)).toBeLessThanOrEqual(2e-6 * Math.max(Math.abs(want), 0.05));
    });
  }
}

describe.each([
  ['in one memory', false],
  ['in four memories', true],
])('AdamW with stores %s', (_, apart) => {
  it.each(golden.cases.map((each, index) => [index, each] as const))(
    'equals torch.optim.AdamW after clip_grad_norm_, case %i',
    (__, golden_) => {
      const stores = createStores(apart);
      write(stores.parameters, golden_.initial);
      golden_.steps.forEach(({ learningRate, gradientScale, gradientNorm, gradients, parameters }, index) => {
        write(stores.gradients, gradients);
        const { beta1, beta2, epsilon, weightDecay, maxGradientNorm } = golden_;
        const step: AdamwStep = {
          step: index + 1,
          learningRate,
          beta1,
          beta2,
          epsilon,
          weightDecay,
          decayed: new Set(['matrix']),
          maxGradientNorm,
          gradientScale,
        };
        const result = adamwStep(stores, step);
        expect(Math.abs(result.gradientNorm - gradientNorm) / gradientNorm).toBeLessThan(1e-6);
        expectClose(stores.parameters, parameters);
        expect(readFlat(stores.gradients).every((value) => value === 0)).toBe(true);
      });
      expectClose(stores.firstMoment, golden_.firstMoment);
      expectClose(stores.secondMoment, golden_.secondMoment);
    },
  );
});

describe('AdamW', () => {
  const plain: AdamwStep = {
    step: 1,
    learningRate: 0.1,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.1,
    decayed: new Set(),
    maxGradientNorm: null,
    gradientScale: 1,
  };

  it('staged and direct steps give the same bits', () => {
    const [direct, staged] = [createStores(false), createStores(true)].map((stores) => {
      write(stores.parameters, golden.cases[0]?.initial ?? {});
      write(stores.gradients, golden.cases[0]?.steps[0]?.gradients ?? {});
      adamwStep(stores, plain);
      return readFlat(stores.parameters);
    });
    expect(direct).toEqual(staged);
  });

  it('leaves parameters that have no gradient store alone', () => {
    const pool = new MemoryPool();
    const [parameters, ...rest] = [entries, ...Array.from({ length: 3 }, () => entries.slice(1))].map((each, id) =>
      createResidentStore(pool, id, each, null),
    );
    const [gradients, firstMoment, secondMoment] = rest;
    if (parameters === undefined || gradients === undefined || firstMoment === undefined || secondMoment === undefined)
      throw new Error('four stores');
    fillStore(parameters, 1);
    fillStore(gradients, 1);
    adamwStep({ parameters, gradients, firstMoment, secondMoment }, plain);
    expect(viewOf(residentTensor(parameters, 'matrix')).every((value) => value === 1)).toBe(true);
    expect(viewOf(residentTensor(parameters, 'bias')).every((value) => Math.abs(value - 0.9) < 1e-6)).toBe(true);
  });
});
