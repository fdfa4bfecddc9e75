/** Measures how much a language model does per second on this machine: reading, generating at several batches, training; and
 *  how long its utterances are. Medians over short runs; a measure ends early when its time is up, after two runs at
 *  least. */
import type { Clock } from '../base/clock.js';
import { ConfigError, EnvironmentError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import { openStream, streamKey } from '../base/random.js';
import type { Prompt } from '../dialogue/types.js';
import { generate } from '../engine/models/generate.js';
import { type LanguageModel, openLanguageModel } from '../engine/models/languageModel.js';
import type { Device } from '../engine/runtime/device.js';
import { createPreferenceTrainer, defaultPreference } from '../learning/trainers/preference.js';
import type { TrainingPair } from '../learning/trainers/trainingData.js';
import type { ModelRates } from './rates.js';
import { createLanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { FormatKind } from '../speakers/formats/format.js';
import { defaultSampling } from '../speakers/generation.js';
import { createLocalTarget } from '../speakers/targets/local.js';

export interface MeasuringOptions {
  readonly device: Device;
  readonly path: string;
  readonly format: FormatKind;
  /** The short dialogues begin with these. */
  readonly prompts: readonly Prompt[];
  readonly clock: Clock;
  /** Seconds that one measure may take once it has two runs. Default 5. */
  readonly measureSeconds?: number;
  readonly onMeasure?: (name: string, done: number, total: number) => void;
  /** Called with what could not be measured. */
  readonly note?: (sentence: string) => void;
}

export interface Measured extends Pick<ModelRates, 'frozen' | 'trainable' | 'utterances'> {
  readonly parameters: number;
  readonly contextLength: number;
  readonly shape: BenchShape;
}

/** The sizes of a measured run. */
export interface BenchShape {
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly batches: readonly number[];
  /** Rows of different prompts, for reading. */
  readonly readingRows: number;
  /** Pairs per optimizer step. */
  readonly pairs: number;
}

const wanted = { promptTokens: 64, newTokens: 24, batches: [1, 8, 32], readingRows: 8, pairs: 4 } as const;
const runs = { most: 5, least: 2 } as const;
/** Dialogues whose utterances are measured: `batch` at a time, at most `most`. */
const dialogues = { batch: 16, most: 64, limit: 32 } as const;
const measures = 8;

/** Prompt and new tokens that fit: 64 and 24, less where the model reads less. @throws ConfigError below eight tokens
 *  of context */
export function benchShape(contextLength: number): BenchShape {
  if (contextLength < 8) {
    throw new ConfigError('this model reads too little to be measured', {
      expected: 'a context of at least 8 tokens',
      got: String(contextLength),
    });
  }
  const newTokens = Math.min(wanted.newTokens, Math.floor(contextLength / 3));
  return { ...wanted, newTokens, promptTokens: Math.min(wanted.promptTokens, contextLength - newTokens) };
}

export async function measureRates(options: MeasuringOptions): Promise<Measured> {
  const { device, path } = options;
  let done = 0;
  const at = (name: string): void => options.onMeasure?.(name, done++, measures);
  at('opening');
  const model = await openLanguageModel(device, path);
  const shape = benchShape(model.contextLength);
  const about = { contextLength: model.contextLength, parameters: model.weights.length, shape };
  let measured: Pick<Measured, 'frozen' | 'utterances'>;
  try {
    at('reading');
    const reading = await readingRate(model, shape, options);
    const generating = [];
    for (const batch of shape.batches) {
      at(`generating, batch ${batch}`);
      generating.push({ batch, tokensPerSecond: await generatingRate(model, shape, batch, options) });
    }
    at('utterances');
    measured = { frozen: { reading, generating }, utterances: await utteranceLengths(model, options) };
  } finally {
    await model.close();
  }
  try {
    return { ...about, ...measured, trainable: await trainableRates(options, shape, at) };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    options.note?.(`training is not measured: ${error.message.split('\n')[0] ?? ''}`);
    return { ...about, ...measured, trainable: null };
  }
}

type TrainableRates = NonNullable<ModelRates['trainable']>;

async function trainableRates(
  options: MeasuringOptions,
  shape: BenchShape,
  at: (name: string) => void,
): Promise<TrainableRates> {
  const model = await openLanguageModel(options.device, options.path, { trainable: true });
  try {
    at('training');
    const training = await trainingRate(model, shape, options);
    at('generating while training');
    const batch = Math.max(...shape.batches);
    const reading = await readingRate(model, shape, options);
    return {
      reading,
      generating: [{ batch, tokensPerSecond: await generatingRate(model, shape, batch, options) }],
      training,
    };
  } finally {
    await model.close();
  }
}

type Timing = Pick<MeasuringOptions, 'clock' | 'measureSeconds'>;

/** Different prompts in every run, one token generated after each. */
async function readingRate(model: LanguageModel, shape: BenchShape, timing: Timing): Promise<number> {
  return medianRate(shape.promptTokens * shape.readingRows, timing, async (time, run) => {
    const prompts = randomPrompts(model, shape.promptTokens, shape.readingRows, run);
    return time(() => speak(model, prompts, 1));
  });
}

/** Rows that go on from one prompt, as the candidates of a node do, with the sampler that recipes have by default.
 *  Every run is timed against one that ends after its first token, so that the reading of the prompt does not count. */
async function generatingRate(model: LanguageModel, shape: BenchShape, batch: number, timing: Timing): Promise<number> {
  return medianRate(batch * (shape.newTokens - 1), timing, async (time, run) => {
    const [first = [], second = []] = randomPrompts(model, shape.promptTokens, 2, run);
    const rows = (prompt: readonly number[]): readonly (readonly number[])[] =>
      Array.from({ length: batch }, () => prompt);
    const reading = await time(() => speak(model, rows(first), 1));
    const whole = await time(() => speak(model, rows(second), shape.newTokens));
    return whole > reading ? whole - reading : whole;
  });
}

/** Steps of preference training, the optimizer included, on pairs after different prompts. A prompt is computed once a
 *  pair. */
async function trainingRate(
  model: LanguageModel,
  { promptTokens, newTokens, pairs }: BenchShape,
  timing: Timing,
): Promise<number> {
  // Random pairs hold nothing to learn: the steps are so small that the loss stays where it is.
  const trainer = await createPreferenceTrainer(model, {
    optimizer: { ...defaultPreference.optimizer, learningRate: 1e-8 },
  });
  try {
    const prompts = randomPrompts(model, promptTokens, pairs, 0);
    const draw = openStream(streamKey(0, 'bench', 1));
    const token = (): number => draw.integer(model.vocabularySize);
    const completion = (first: number): number[] => [first, ...Array.from({ length: newTokens - 1 }, token)];
    const known = Array.from({ length: newTokens }, () => -1);
    const data = prompts.map((prefix): TrainingPair => ({
      prefix,
      chosen: completion(0),
      rejected: completion(1),
      referenceChosen: known,
      referenceRejected: known,
    }));
    return await medianRate(pairs * (promptTokens + 2 * (newTokens - 1)), timing, async (time) =>
      time(() => trainer.train(data)),
    );
  } finally {
    await trainer.release();
  }
}

/** Median rate of timed runs. The first run, which warms up, does not count.
 *  @param seconds of a run, timed by what it is handed; runs are numbered */
async function medianRate(
  tokens: number,
  { clock, measureSeconds = 5 }: Timing,
  seconds: (time: TimeIt, run: number) => Promise<number>,
): Promise<number> {
  const time: TimeIt = async (work) => {
    const start = clock.monotonicMs();
    await work();
    return (clock.monotonicMs() - start) / 1000;
  };
  await seconds(time, 0);
  const start = clock.monotonicMs();
  const rates: number[] = [];
  while (
    rates.length < runs.most &&
    (rates.length < runs.least || clock.monotonicMs() - start < measureSeconds * 1000)
  ) {
    rates.push(tokens / Math.max(await seconds(time, rates.length + 1), 1e-6)); // A clock may be too coarse to see a very small model.
  }
  return median(rates);
}

type TimeIt = (work: () => Promise<unknown>) => Promise<number>;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (i: number): number => present(sorted[i], 'a median has values');
  const middle = (sorted.length - 1) / 2;
  return (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
}

/** Exactly `newTokens` a row: end tokens are banned before. */
async function speak(model: LanguageModel, prompts: readonly (readonly number[])[], newTokens: number): Promise<void> {
  const requests = prompts.map((ids, row) => ({ ids, stream: streamKey(0, 'bench', 2, row) }));
  const limits = { minNewTokens: newTokens, maxNewTokens: newTokens, stopIds: model.tokenizer.endIds };
  await generate(model, requests, { ...defaultSampling, ...limits });
}

/** Other prompts in every run: what was read before may be known still. */
function randomPrompts(
  model: LanguageModel,
  tokens: number,
  count: number,
  run: number,
): readonly (readonly number[])[] {
  const draw = openStream(streamKey(0, 'bench', 0, run));
  return Array.from({ length: count }, () => Array.from({ length: tokens }, () => draw.integer(model.vocabularySize)));
}

/** The model says a line after each prompt and answers itself, drawing from its own distribution. */
async function utteranceLengths(model: LanguageModel, options: MeasuringOptions): Promise<ModelRates['utterances']> {
  const { prompts, format, clock, measureSeconds = 5 } = options;
  const limit = Math.min(dialogues.limit, Math.floor(model.contextLength / 4));
  const sampling = {
    ...defaultSampling,
    temperature: 1,
    topP: 1,
    repetitionPenalty: 1,
    minNewTokens: 1,
    maxNewTokens: limit,
  };
  const [adversary, target] = [
    createLanguageModelAdversary(model, { format, sampling }),
    createLocalTarget(model, { format, sampling }),
  ];
  const said: { adversary: number[]; target: number[] } = { adversary: [], target: [] };
  const start = clock.monotonicMs();
  for (let from = 0; from < Math.min(prompts.length, dialogues.most); from += dialogues.batch) {
    const opened = prompts.slice(from, Math.min(from + dialogues.batch, dialogues.most)).map((prompt, i) => ({
      dialogue: { prompt, turns: [] },
      stream: streamKey(0, 'bench', 3, from + i),
    }));
    const lines = await adversary.speak(opened);
    const answers = await target.reply(
      lines.map((line, i) => {
        const { dialogue } = present(opened[i], 'a dialogue a line');
        return { dialogue: { ...dialogue, turns: [line] }, stream: streamKey(0, 'bench', 4, from + i) };
      }),
    );
    for (const line of lines) said.adversary.push(line.tokens?.ids.length ?? 0);
    for (const { reply } of answers) said.target.push(reply.tokens?.ids.length ?? 0);
    if (clock.monotonicMs() - start >= measureSeconds * 1000) break;
  }
  return { format, limit, ...said };
}
