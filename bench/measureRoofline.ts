/** The bare rates, measured in the same run as the rows, and the shares of those rows. */
import { samplingShape, batchKey } from './generation.js';
import { measureComparison, type Measured } from './measureComparison.js';
import { ownSide } from './ownSide.js';
import {
  architectureAt,
  arithmeticOf,
  rateRows,
  samplingShare,
  trainingShare,
  type Roofline,
  type Share,
} from './roofline.js';
import { spreadOf } from './spread.js';
import { shapeKey, trainShapes } from './trainStep.js';
import type { BenchSetup, Comparison } from './types.js';

/** Measures the model at `--threads`. */
export async function measureRoofline(
  setup: BenchSetup,
  measured: readonly Measured[],
  say: (text: string) => void,
): Promise<{ readonly roofline: Roofline | null; readonly failures: readonly string[] }> {
  const arithmetic = arithmeticOf(await architectureAt(setup.model));
  const options = {
    model: setup.model,
    threads: setup.threads,
    inputs: [rateRows.training],
    frozen: [...rateRows.writing, rateRows.reading],
    repeat: setup.repeat,
  };
  const bare: Comparison = {
    name: 'roofline',
    title: 'bare MatMul',
    figures: [],
    sides: [ownSide('bare MatMul', 'matmulRate', options)],
    targets: [],
    notes: [],
  };
  const { sides, failures } = await measureComparison(bare, 1, say);
  const rates = sides[0]?.samples[0]?.outcome.figures;
  if (rates === undefined) return { roofline: null, failures };
  return {
    roofline: {
      threads: setup.threads,
      arithmetic,
      rates,
      shares: sharesOf(setup.threads, measured, { arithmetic, rates }),
    },
    failures,
  };
}

/** Takes our float32 sides: the bare products are float32 as well. */
function sharesOf(
  threads: number,
  measured: readonly Measured[],
  { arithmetic, rates }: Pick<Roofline, 'arithmetic' | 'rates'>,
): readonly Share[] {
  return measured.flatMap(({ comparison, sides }) => {
    const side = sides.find(({ isPeer, label }) => !isPeer && !label.startsWith('int8'));
    if (side === undefined) return [];
    const median = (key: string): number | null =>
      spreadOf(side.samples.flatMap(({ outcome }) => outcome.figures[key] ?? []))?.median ?? null;
    const shareOf = (
      key: string,
      work: string,
      share: (value: number) => Pick<Share, 'gflopPerSecond' | 'share'>,
    ): readonly Share[] => {
      const value = median(key);
      return value === null ? [] : [{ work: `${comparison.title}, ${work}`, side: side.label, ...share(value) }];
    };
    if (comparison.name === `train-step/smollm2-${String(threads)}`) {
      return trainShapes.flatMap((shape) =>
        shareOf(shapeKey(shape), shape.join(' × '), (ms) => trainingShare(rates, arithmetic, ms, ...shape)),
      );
    }
    if (comparison.name === 'sampling') {
      const { promptTokens: prompt, newTokens: fresh } = samplingShape;
      return rateRows.writing.flatMap((batch) =>
        shareOf(batchKey(batch), `batch ${String(batch)}`, (rate) =>
          samplingShare(rates, arithmetic, rate, { batch, prompt, fresh }),
        ),
      );
    }
    return [];
  });
}
