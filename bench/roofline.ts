/** Bounds that the hardware sets: the rate of ONNX Runtime's bare MatMul at the model's shapes, the arithmetic of the
 *  model, and how much of the former a measured piece of work reached.
 *
 *  The bare rate multiplies as many rows as the work has by every matrix of the model in turn (all layers, so that
 *  weights come from memory as they do in the model) and keeps one row of each product: `inputs` as training feeds
 *  weights, `frozen` as generation has them. The share is the time that those products alone would take at that rate,
 *  by the time the work took. */
import { present } from '../src/base/invariant.js';
import { openStream, streamKey } from '../src/base/random.js';
import { architectureOf } from '../src/engine/models/all.js';
import type { Architecture, ParameterSpec } from '../src/engine/models/family.js';
import { languageModelParameters } from '../src/engine/models/parameters.js';
import { withCheckpoint } from '../src/engine/models/storedModel.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { f32Tensor } from '../src/engine/runtime/hostTensor.js';
import { finishGraph, type Graph } from '../src/engine/tensor/graph.js';
import { add, matmul, reduceSum, slice } from '../src/engine/tensor/ops/all.js';
import { createTrace } from '../src/engine/tensor/trace.js';
import type { Value } from '../src/engine/tensor/value.js';
import { medianSeconds } from './repeat.js';
import type { Outcome, Repeat } from './types.js';

export interface MatmulRateOptions {
  readonly model: string;
  readonly threads: number;
  /** Rows of the products with weights as inputs, and with frozen ones. */
  readonly inputs: readonly number[];
  readonly frozen: readonly number[];
  readonly repeat: Repeat;
}

export const rateKey = (weights: 'inputs' | 'frozen', rows: number): string => `${weights} ${String(rows)}`;

/** FLOP of one forward pass, a multiplication and an addition counted as two. Norms, activations and the like are not
 *  counted. */
export interface Arithmetic {
  /** A token through all layers, without attention to others and without the head. */
  readonly read: number;
  /** For every position that a token attends to. */
  readonly attended: number;
  /** Its logits. */
  readonly logits: number;
}

export function arithmeticOf(architecture: Architecture): Arithmetic {
  const { layers, heads, headSize, vocabularySize, width } = architecture.config;
  return {
    read:
      2 *
      matricesOf(architecture).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    attended: 4 * layers * heads * headSize,
    logits: 2 * vocabularySize * width,
  };
}

export function architectureAt(model: string): Promise<Architecture> {
  return withCheckpoint(model, async ({ config, source }) => architectureOf(config, 'language', source));
}

/** Forward and backward: thrice the forward pass. All positions have logits and attend to those before them. */
export function trainingFlop({ read, attended, logits }: Arithmetic, batch: number, length: number): number {
  return 3 * batch * length * (read + logits + (attended * (length + 1)) / 2);
}

/** A row's prompt, and its new tokens one by one. The last one is not read. */
export function samplingFlop(
  { read, attended, logits }: Arithmetic,
  prompt: number,
  fresh: number,
): { readonly reading: number; readonly writing: number } {
  const steps = fresh - 1;
  return {
    reading: prompt * (read + (attended * (prompt + 1)) / 2) + logits,
    writing: steps * (read + logits + attended * (prompt + (steps + 1) / 2)),
  };
}

/** The matrices that token rows are multiplied by, without the head: everything two-dimensional that is no table of
 *  embeddings. */
function matricesOf({ body }: Architecture): readonly ParameterSpec[] {
  return body.filter(({ name, shape }) => shape.length === 2 && !/embed|wte|wpe/.test(name));
}

/** Our side. Figures are GFLOP/s by `rateKey`. */
export async function measureMatmulRate(options: MatmulRateOptions): Promise<Outcome> {
  const architecture = await architectureAt(options.model);
  const { read, logits } = arithmeticOf(architecture);
  const figures: Record<string, number> = {};
  for (const [weights, rowCounts] of [
    ['inputs', options.inputs],
    ['frozen', options.frozen],
  ] as const) {
    if (rowCounts.length === 0) continue;
    const device = await openDevice({ threads: options.threads });
    try {
      const store = await device.createStore(languageModelParameters(architecture));
      await device.fill(store, 0.01); // a page of zeros that was never written is not read from memory
      const program = await device.compile(bareProducts(architecture), { store, frozen: weights === 'frozen' });
      const stream = openStream(streamKey(0, 'bench'));
      for (const rows of rowCounts) {
        const feeds = Object.fromEntries(
          program.inputs.map(({ name }) => {
            const width = Number(name.slice(1));
            return [name, f32Tensor([rows, width], Float32Array.from({ length: rows * width }, stream.normal))];
          }),
        );
        const seconds = await medianSeconds(() => device.run(program, feeds), options.repeat);
        figures[rateKey(weights, rows)] = (rows * (read + logits)) / seconds / 1e9;
      }
    } finally {
      await device.close();
    }
  }
  return { figures, work: { 'FLOP a row': read + logits } };
}

/** x[rows] times every matrix and the head, one row of each product summed up. Inputs are named for their width: x576.
 */
function bareProducts(architecture: Architecture): Graph {
  const trace = createTrace();
  const transposed = architecture.family !== 'gpt2'; // its matrices are laid out [in, out]
  const sums: Value[] = [];
  const multiply = ({ name, shape }: ParameterSpec, transposeB: boolean): void => {
    const width = present(shape[transposeB ? 1 : 0], 'a matrix');
    const product = matmul(trace.input(`x${String(width)}`, 'f32', ['N', width]), trace.parameter(name, shape), {
      transposeB,
    });
    sums.push(reduceSum(slice(product, 0, 0, 1), [0, 1]));
  };
  for (const spec of matricesOf(architecture)) multiply(spec, transposed);
  multiply(architecture.head, true);
  return finishGraph(trace, { sum: sums.reduce((a, b) => add(a, b)) });
}

/** The share of the bare products' rate that was reached. */
export interface Share {
  readonly work: string;
  readonly side: string;
  /** By all arithmetic of the work, attention included. */
  readonly gflopPerSecond: number;
  /** The time of the bare products by the time of the work; above 1 where attention, which they lack, weighs more than
   *  all the rest. */
  readonly share: number;
}

export interface Roofline {
  readonly threads: number;
  readonly arithmetic: Arithmetic;
  /** GFLOP/s by `rateKey`. */
  readonly rates: Readonly<Record<string, number>>;
  readonly shares: readonly Share[];
}

/** Rows of the products whose rates the shares are taken from. */
export const rateRows = { training: 512, reading: 512, writing: [1, 8, 32] } as const;

/** @param milliseconds of a step */
export function trainingShare(
  rates: Roofline['rates'],
  arithmetic: Arithmetic,
  milliseconds: number,
  batch: number,
  length: number,
): Pick<Share, 'gflopPerSecond' | 'share'> {
  const gflop = trainingFlop(arithmetic, batch, length) / 1e9;
  const rate = present(rates[rateKey('inputs', rateRows.training)], 'the rate of training');
  return { gflopPerSecond: gflop / (milliseconds / 1000), share: gflop / rate / (milliseconds / 1000) };
}

/** @param tokensPerSecond new tokens of all rows */
export function samplingShare(
  rates: Roofline['rates'],
  arithmetic: Arithmetic,
  tokensPerSecond: number,
  { batch, prompt, fresh }: { readonly batch: number; readonly prompt: number; readonly fresh: number },
): Pick<Share, 'gflopPerSecond' | 'share'> {
  const { reading, writing } = samplingFlop(arithmetic, prompt, fresh);
  const seconds = (batch * fresh) / tokensPerSecond;
  const rate = (rows: number): number => present(rates[rateKey('frozen', rows)], 'the rate of generation') * 1e9;
  const bare = (batch * reading) / rate(rateRows.reading) + (batch * writing) / rate(batch);
  return { gflopPerSecond: (batch * (reading + writing)) / seconds / 1e9, share: bare / seconds };
}

export function renderRoofline({ threads, arithmetic, rates, shares }: Roofline): string {
  const { read, attended, logits } = arithmetic;
  const mega = (flop: number): string => (flop / 1e6).toFixed(flop < 1e7 ? 3 : 0);
  const { reading, writing } = samplingFlop(arithmetic, 64, 24);
  return [
    `Roofline, ${String(threads)} thread(s)`,
    `  MFLOP a token: read ${mega(read)}, and ${mega(attended)} for each position it attends to; its logits ${mega(logits)};` +
      ` generated after 64 ${mega(writing / 23)} (and ${mega(reading)} to read them); trained in rows of 64 ${mega(trainingFlop(arithmetic, 1, 64) / 64)}`,
    `  bare MatMul of ONNX Runtime at the model's shapes, GFLOP/s: ${Object.entries(rates)
      .map(([key, rate]) => `${key} rows ${rate.toFixed(0)}`)
      .join(', ')}`,
    ...shares.map(
      (each) =>
        `  ${each.work} (${each.side}): ${each.gflopPerSecond.toFixed(0)} GFLOP/s, ${(each.share * 100).toFixed(0)}% of what the bare products would take`,
    ),
  ].join('\n');
}
