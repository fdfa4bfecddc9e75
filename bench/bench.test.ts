import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError, FormatError } from '../src/base/errors.js';
import { present } from '../src/base/invariant.js';
import { saveLanguageModel } from '../src/engine/models/languageModel.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { tinyModel } from '../tests/fakes/tinyModel.js';
import { readArguments, referenceAt } from './arguments.js';
import { collection, type CollectionBenchOptions, measureCollection } from './collection.js';
import { isChosen, memoryFigure, outcomeIn } from './comparison.js';
import { batched, epoch } from './epochComparisons.js';
import { exploring, type ExploringOptions, measureExploring } from './exploring.js';
import { gcgBench, type GcgBenchOptions, measureGcg } from './gcg.js';
import { generation, measureGeneration } from './generation.js';
import { historyLine, recordRun } from './history.js';
import { measureIpoEpoch } from './ipoEpoch.js';
import { kMeansBench, type KMeansBenchOptions, measureKMeans } from './kMeans.js';
import { multipliesBfloat16 } from './machine.js';
import { measureComparison } from './measureComparison.js';
import { measureRoofline } from './measureRoofline.js';
import { othersShare, runMeasured } from './measuredProcess.js';
import { environmentName, preparePython } from './peerSetup.js';
import { measurePreferenceUpdate, pairsOfTree, preferenceUpdate } from './preferenceUpdate.js';
import { madeUpQueries, measurePpoRound, ppoRound } from './ppoRound.js';
import { medianSeconds } from './repeat.js';
import { renderNotes, renderRows, rowsOf, workNotes, type MeasuredSide } from './results.js';
import { architectureAt, arithmeticOf, measureMatmulRate, rateKey, samplingFlop, trainingFlop } from './roofline.js';
import { spreadOf } from './spread.js';
import { startup } from './startup.js';
import { measureTd3Bc, td3bcBench, type Td3BcBenchOptions } from './td3bc.js';
import { measureTrainStep, trainStep } from './trainStep.js';
import type { BenchSetup, Comparison, Outcome, Side } from './types.js';

const scratch = mkdtempSync(join(tmpdir(), 'gadfly-bench-test-'));
const model = join(scratch, 'tiny');
const texts = Array.from({ length: 20 }, (_, i) => `text number ${String(i)}`);
const once = { uncounted: 0, counted: 1, seconds: 1 };
const setup: BenchSetup = {
  model,
  threads: 2,
  runs: 1,
  trees: 2,
  batchedTrees: 4,
  utterances: 8,
  samples: 40,
  points: 300,
  trl: (version) => `trl-${version}`,
  nanogcg: () => 'nanogcg',
  prompts: join(scratch, 'texts.json'),
  scratch,
  python: 'python',
  references: [],
  repeat: once,
  quick: false,
  bfloat16: true,
  gpt2Small: async () => 'gpt2',
  gguf: async () => 'model.gguf',
};

beforeAll(async () => {
  const device = await openDevice();
  await saveLanguageModel(await tinyModel(device), model);
  await device.close();
  writeFileSync(setup.prompts, JSON.stringify(['short', ...texts, 'x'.repeat(200)]));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function peerOf(comparison: Comparison | undefined): Side {
  return present(
    comparison?.sides.find(({ isPeer }) => isPeer),
    'a peer',
  );
}

/** The options that a program is given, by its path. */
function callOf(side: Side): { readonly program: string; readonly options: Readonly<Record<string, unknown>> } {
  if (side.kind !== 'program') throw new Error('no program');
  return {
    program: side.args.slice(0, -1).join(' '),
    options: JSON.parse(side.args.at(-1) ?? '') as Record<string, unknown>,
  };
}

describe('what is measured on our side', () => {
  it('a training step reads batch × length tokens of every shape', async () => {
    const { work, figures } = await measureTrainStep({
      model,
      threads: 1,
      shapes: [
        [2, 6],
        [1, 9],
      ],
      repeat: once,
    });
    expect(work).toEqual({ 'tokens of 2x6': 12, 'tokens of 1x9': 9 });
    expect(Object.keys(figures)).toEqual(['2x6', '1x9']);
  });

  it('generation gives a rate for every batch', async () => {
    const { figures } = await measureGeneration({
      model,
      threads: 1,
      precision: 'f32',
      batches: [1, 3],
      promptTokens: 5,
      newTokens: 4,
      repeat: once,
    });
    expect(Object.keys(figures)).toEqual(['b1', 'b3']);
  });

  it('a preference update takes the pairs of a file', async () => {
    const pairs = join(scratch, 'tiny-pairs.json');
    writeFileSync(pairs, JSON.stringify([{ prefix: [1, 2], chosen: [3, 4], rejected: [5] }]));
    const { work, figures } = await measurePreferenceUpdate({
      model,
      threads: 1,
      pairs,
      beta: 0.1,
      learningRate: 1e-6,
      repeat: once,
    });
    expect(work).toEqual({ pairs: 1, 'completion tokens': 3 });
    expect(Object.keys(figures)).toEqual(['secondsPerPair', 'secondsPerPairWithReference']);
  });

  it.each([
    { peer: 'astra-rl', precision: 'f32', fewest: 56 },
    { peer: 'ASTPrompter', precision: 'f32', fewest: 56 },
    { peer: 'batched', precision: 'f32', fewest: 56 * 24 },
    { peer: 'batched', precision: 'int8', fewest: 56 * 24 },
  ] as const)(
    'an epoch as $peer does it makes 7 pairs per prompt ($precision)',
    async ({ peer, precision, fewest }) => {
      const prompts = join(scratch, 'two.json');
      writeFileSync(prompts, JSON.stringify(texts.slice(0, 2)));
      const { work, figures } = await measureIpoEpoch({ model, threads: 1, peer, precision, prompts, trees: 2 });
      expect(work).toMatchObject({ trees: 2, pairs: 14, 'optimizer steps': 2 });
      const spoken = present(work['spoken tokens'], 'a count');
      expect(spoken).toBeLessThanOrEqual(56 * 24);
      expect(spoken).toBeGreaterThanOrEqual(fewest);
      expect(Object.keys(figures)).toEqual([
        'secondsPerTree',
        'rolloutPerTree',
        'updatePerTree',
        'spokenPerSecond',
        'trainedPerSecond',
      ]);
    },
  );
});

describe('rounds, exploring and clustering on our side', () => {
  const work = async (outcome: Promise<Outcome>): Promise<Outcome['work']> => {
    const { figures, work: counts } = await outcome;
    for (const value of Object.values(figures)) expect(value).toBeGreaterThan(0);
    return counts;
  };

  it('a PPO round draws and trains on every query, once per pass', async () => {
    const queries = join(scratch, 'queries.json');
    const made = madeUpQueries(8, { vocabularySize: 97, endIds: [5] });
    expect(made.map(({ ids }) => ids)).not.toContainEqual(expect.arrayContaining([5]));
    expect(new Set(made.map(({ ids }) => ids.join())).size).toBe(2);
    writeFileSync(queries, JSON.stringify(made));
    const options = { model, threads: 1, queries, newTokens: 3, batchSize: 4, passes: 2, learningRate: 1e-6 };
    expect(await work(measurePpoRound(options))).toEqual({
      utterances: 8,
      'drawn tokens': 24,
      'optimizer steps': 4,
    });
  });

  it('exploring keeps as many samples as were asked for', async () => {
    const [comparison] = await exploring({ ...setup, samples: 30 });
    const { options } = callOf(present(comparison?.sides[0], 'ours'));
    const made = await work(measureExploring(options as unknown as ExploringOptions));
    expect(made).toMatchObject({ samples: 30, clusters: 30 });
    expect(made['drawn tokens']).toBeGreaterThanOrEqual(30);
  });

  it('TD3+BC draws its batches from a buffer on disk', async () => {
    const [comparison] = await td3bcBench(setup);
    const { options } = callOf(present(comparison?.sides[0], 'ours'));
    const fewer = { ...(options as unknown as Td3BcBenchOptions), episodes: 20, steps: 2 };
    expect(await work(measureTd3Bc(fewer))).toEqual({ transitions: 60, batch: 256 });
  });

  it('collecting plays steered dialogues, batch by batch', async () => {
    const [comparison] = await collection(setup);
    const { options } = callOf(present(comparison?.sides[0], 'ours'));
    const fewer = {
      ...(options as unknown as CollectionBenchOptions),
      dialogues: 3,
      batch: 2,
      newTokens: 2,
      contextTokens: 4,
    };
    expect(await work(measureCollection(fewer))).toEqual({ dialogues: 3, 'drawn tokens': 36 });
  });

  it('steps of a suffix search score as many candidates as were asked for', async () => {
    const [comparison] = await gcgBench(setup);
    const { options } = callOf(present(comparison?.sides[0], 'ours'));
    const fewer = { ...(options as unknown as GcgBenchOptions), width: 4, topK: 8, suffixTokens: 3, steps: 2 };
    expect(await work(measureGcg(fewer))).toMatchObject({ steps: 2 });
  });

  it('k-means reads the points of a file', async () => {
    const [comparison] = await kMeansBench({ ...setup, points: 300 });
    const { options } = callOf(present(comparison?.sides[0], 'ours'));
    expect(await work(measureKMeans(options as unknown as KMeansBenchOptions))).toMatchObject({
      points: 300,
      clusters: 100,
    });
  });
});

describe('what is asked of the peers', () => {
  it.each([
    { bench: trainStep, program: 'train_step.py' },
    { bench: generation, program: 'generate.py' },
    { bench: preferenceUpdate, program: 'preference_update.py' },
    { bench: batched, program: 'online_ipo.py' },
    { bench: ppoRound, program: 'ppo_trl_old.py' },
    { bench: exploring, program: 'explore.py' },
    { bench: kMeansBench, program: 'k_means.py' },
    { bench: td3bcBench, program: 'td3bc.py' },
    { bench: collection, program: 'collection.py' },
    { bench: gcgBench, program: 'gcg.py' },
  ])('$program: the model, the threads and the options of our side', async ({ bench, program }) => {
    const [comparison] = await bench(setup);
    const [ours, theirs] = [callOf(present(comparison?.sides[0], 'ours')), callOf(peerOf(comparison))];
    expect(theirs.program).toBe(join(process.cwd(), 'bench', 'peers', program));
    const shared = [
      'model',
      'threads',
      'shapes',
      'repeat',
      'batches',
      'promptTokens',
      'pairs',
      'beta',
      'prompts',
      'queries',
      'newTokens',
      'batchSize',
      'passes',
      'samples',
      'clusters',
      'starts',
      'sampling',
      'points',
      'stateWidth',
      'actionWidth',
      'batch',
      'dialogues',
      'exchanges',
      'contextTokens',
      'separatorTokens',
      'softTokens',
      'episodes',
      'stepsPerEpisode',
      'steps',
      'message',
      'targetText',
      'suffixTokens',
      'width',
      'topK',
    ].filter((key) => key in ours.options);
    for (const key of shared) expect(theirs.options[key], key).toEqual(ours.options[key]);
    const marks: Readonly<Record<string, string>> = { 'k_means.py': 'points', 'td3bc.py': 'stateWidth' };
    expect(shared).toEqual(expect.arrayContaining([marks[program] ?? 'model', 'threads']));
  });

  it('a PPO round: each version of TRL from a folder of its own, with the queries of our side', async () => {
    const made = await ppoRound(setup);
    const [old, later] = made.map(peerOf);
    expect([old, later].map((side) => (side?.kind === 'program' ? side.environment?.['PYTHONPATH'] : null))).toEqual([
      'trl-0.11.4',
      'trl-1.12.0',
    ]);
    expect(callOf(present(old, 'a peer')).options).toEqual(callOf(present(later, 'a peer')).options);
  });

  it('an epoch: the same prompts, read from one file', async () => {
    const [comparison] = await epoch({ ...setup, references: [{ name: 'astra-rl', folder: 'checkout' }] });
    const { program, options } = callOf(peerOf(comparison));
    expect(program).toMatch(/astra_epoch\.py$/);
    expect(options).toMatchObject({ reference: 'checkout', horizon: 3, newTokens: 24, batchPairs: 8, beta: 0.2 });
    expect(JSON.parse(readFileSync(String(options['prompts']), 'utf8'))).toEqual(texts.slice(0, 2)); // 'short' is below 8 tokens
    expect(callOf(present(comparison?.sides[0], 'ours')).options['prompts']).toBe(options['prompts']);
  });

  it('without a checkout the epoch stands against a recorded figure, and says so', async () => {
    const comparisons = await epoch(setup);
    expect(comparisons.map(({ name }) => name)).toEqual(['epoch/astra-rl']);
    expect(peerOf(comparisons[0])).toMatchObject({
      kind: 'recorded',
      outcome: { figures: { secondsPerTree: expect.closeTo(44.2, 1) as number } },
    });
    expect(comparisons[0]?.notes.at(-1)).toContain('--reference');
  });

  it('every training step of the table: two models, one thread and all', async () => {
    expect((await trainStep(setup)).map(({ name }) => name)).toEqual([
      'train-step/smollm2-1',
      'train-step/smollm2-2',
      'train-step/gpt2-small-1',
      'train-step/gpt2-small-2',
    ]);
  });

  it('no program of theirs without an interpreter', async () => {
    const all = [
      trainStep,
      generation,
      preferenceUpdate,
      batched,
      epoch,
      startup,
      ppoRound,
      exploring,
      kMeansBench,
      td3bcBench,
      collection,
      gcgBench,
    ].map((bench) => bench({ ...setup, python: null }));
    for (const { sides } of (await Promise.all(all)).flat())
      expect(sides.filter(({ isPeer, kind }) => isPeer && kind === 'program')).toEqual([]);
  });

  it('float32 stands against float32, int8 rollouts against bfloat16', async () => {
    const made = await batched(setup);
    expect(
      made.map((comparison) => [
        callOf(present(comparison.sides[0], 'ours')).options['precision'],
        callOf(peerOf(comparison)).options['dtype'],
      ]),
    ).toEqual([
      ['f32', 'float32'],
      ['int8', 'bfloat16'],
    ]);
    const [without, ...more] = await batched({ ...setup, bfloat16: false });
    expect(more).toEqual([]);
    expect(without?.sides.map(({ label }) => label)).toEqual(['f32', 'int8 rollouts', 'batched PyTorch, float32']);
    expect(without?.targets.map(({ side }) => side)).toEqual(['f32', 'f32', 'int8 rollouts', 'int8 rollouts']);
    expect(multipliesBfloat16('flags : avx2 fma')).toBe(false);
    expect(multipliesBfloat16('flags : avx512f avx512_bf16')).toBe(true);
  });

  it('the tree of the preference update has 7 pairs, deeper ones after longer prefixes', () => {
    const pairs = pairsOfTree(100);
    expect(pairs.map(({ prefix }) => prefix.length)).toEqual([64, 112, 160, 160, 112, 160, 160]);
    expect(pairs[1]?.prefix.slice(0, 88)).toEqual([...(pairs[0]?.prefix ?? []), ...(pairs[0]?.chosen ?? [])]);
  });
});

describe('the peers’ interpreter', () => {
  it('another list of packages is another environment', () => {
    expect(environmentName('torch==1')).not.toBe(environmentName('torch==2'));
  });

  it('a given one that lacks the packages is refused', () => {
    expect(() => preparePython(join(scratch, 'absent'), scratch, () => undefined)).toThrow(ConfigError);
  });
});

describe('results', () => {
  const outcome = (milliseconds: number, tokens: number): Outcome => ({
    figures: { milliseconds, rate: 1000 / milliseconds },
    work: { tokens },
  });
  const side = (label: string, values: readonly number[], tokens: number): MeasuredSide => ({
    label,
    isPeer: label === 'peer',
    recorded: null,
    samples: values.map((value) => ({ outcome: outcome(value, tokens), peakMiB: 100 * value, others: 0.25 })),
  });
  const comparison: Comparison = {
    name: 'x',
    title: 'a thing',
    sides: [],
    notes: ['Not equal.'],
    figures: [
      { key: 'milliseconds', title: 'time', unit: 'ms', better: 'lower' },
      { key: 'rate', title: 'rate', unit: 'things/s', better: 'higher' },
      memoryFigure,
    ],
    targets: [
      { kind: 'ratio', side: 'ours', figure: 'milliseconds', atLeast: 2 },
      { kind: 'ratio', side: 'ours', figure: 'peakMiB', atLeast: 3 },
      { kind: 'limit', side: 'ours', figure: 'rate', atMost: 499 },
    ],
  };
  const sides = [side('ours', [1, 4, 2], 7), side('peer', [5, 4, 6], 8)];

  it('the median of an even number of values lies between the middle two', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spreadOf([])).toBeNull();
  });

  it('a ratio above 1 means that ours is better, whichever way the figure goes', () => {
    expect(rowsOf(comparison, sides).map(({ work, ratio }) => [work, ratio])).toEqual([
      ['a thing: time', 2.5],
      ['a thing: rate', 2.5],
      ['a thing: peak memory', 2.5],
    ]);
  });

  it('a target is a ratio to reach, or a most', () => {
    expect(rowsOf(comparison, sides).map(({ target, reached }) => [target, reached])).toEqual([
      [2, true],
      [499, false],
      [3, false],
    ]);
    expect(rowsOf(comparison, sides.slice(0, 1)).map(({ reached }) => reached)).toEqual([null, false, null]);
  });

  it('without a peer there is no ratio', () => {
    expect(rowsOf(comparison, sides.slice(0, 1)).map(({ peer, ratio }) => [peer, ratio])).toEqual([
      [null, null],
      [null, null],
      [null, null],
    ]);
  });

  it('unequal work is said', () => {
    expect(workNotes(sides)).toEqual(['Work of ours: 7 tokens (peer: 8).']);
    expect(workNotes([side('ours', [1], 8), side('peer', [1], 8)])).toEqual(['Work of ours: 8 tokens (equal).']);
  });

  it('the notes say what was not equal, how quiet it was and what failed', () => {
    const text = renderNotes(comparison, sides, ['peer failed']);
    for (const part of ['Not equal.', 'Other processes used 25%', 'peer failed']) expect(text).toContain(part);
  });

  it('the table shows medians, extremes, ratios and targets', () => {
    const text = renderRows(rowsOf(comparison, sides));
    for (const part of ['2.00 (1.00 – 4.00)', '2.50×', '≥ 2×', '≤ 499 things/s', 'yes', 'no'])
      expect(text).toContain(part);
  });

  it('a recorded figure is marked as such', () => {
    const text = renderRows(
      rowsOf(comparison, [sides[0] as MeasuredSide, { ...side('peer', [5], 8), recorded: 'another day' }]),
    );
    expect(text).toContain('2.50×*');
    expect(text).toContain('* peer: another day; not measured in this run');
  });
});

describe('what the hardware allows', () => {
  it('arithmetic follows the shapes of the model', async () => {
    // Two layers of width 16: q 16·16, k and v 16·8 each, o 16·16, gate, up and down 16·32 each; 264 words; 2 heads of
    // 8.
    const arithmetic = arithmeticOf(await architectureAt(model));
    expect(arithmetic).toEqual({
      read: 2 * 2 * (256 + 128 + 128 + 256 + 3 * 512),
      attended: 4 * 2 * 16,
      logits: 2 * 264 * 16,
    });
    const { read, attended, logits } = arithmetic;
    expect(trainingFlop(arithmetic, 2, 3)).toBe(3 * 2 * (3 * (read + logits) + attended * (1 + 2 + 3)));
    // Of 3 new tokens, 2 are read: the first sees 4 + 1 positions, the second 4 + 2.
    expect(samplingFlop(arithmetic, 4, 3)).toEqual({
      reading: 4 * read + attended * (1 + 2 + 3 + 4) + logits,
      writing: 2 * (read + logits) + attended * (5 + 6),
    });
  });

  it('bare products are measured with weights as inputs and frozen', async () => {
    const { figures, work } = await measureMatmulRate({ model, threads: 1, inputs: [4], frozen: [1, 2], repeat: once });
    expect(Object.keys(figures)).toEqual([rateKey('inputs', 4), rateKey('frozen', 1), rateKey('frozen', 2)]);
    expect(Object.values(figures).every((rate) => rate > 0)).toBe(true);
    expect(work['FLOP a row']).toBeGreaterThan(0);
  });

  it('shares are of the rows that were measured', async () => {
    const measured = [
      {
        label: 'f32',
        isPeer: false,
        recorded: null,
        samples: [{ outcome: { figures: { b1: 10, b8: 20 }, work: {} }, peakMiB: null, others: null }],
      },
    ];
    const comparison = present((await generation(setup))[0], 'a comparison');
    const { roofline, failures } = await measureRoofline(
      { ...setup, threads: 1 },
      [{ comparison, sides: measured, failures: [] }],
      () => undefined,
    );
    expect(failures).toEqual([]);
    expect(roofline?.shares.map(({ work }) => work)).toEqual([
      'sampling 64 + 24 tokens, batch 1',
      'sampling 64 + 24 tokens, batch 8',
    ]);
  });
});

describe('measuring', () => {
  const program = (label: string, script: string, isPeer = false): Side => ({
    kind: 'program',
    label,
    isPeer,
    command: process.execPath,
    args: ['-e', script],
  });
  const comparison = (sides: readonly Side[]): Comparison => ({
    name: 'x',
    title: 'x',
    figures: [],
    sides,
    targets: [],
    notes: [],
  });

  it('sides take turns', async () => {
    const log = join(scratch, 'turns');
    const write = (label: string): Side =>
      program(
        label,
        `require('fs').appendFileSync(${JSON.stringify(log)}, '${label}'); console.log('{"figures":{"a":1},"work":{}}')`,
      );
    const { sides } = await measureComparison(comparison([write('a'), write('b')]), 2, () => undefined);
    expect(readFileSync(log, 'utf8')).toBe('abab');
    expect(sides.map(({ samples }) => samples.length)).toEqual([2, 2]);
  });

  it('a side that fails is left out, and why is told', async () => {
    const { sides, failures } = await measureComparison(
      comparison([program('ours', 'process.exit(1)')]),
      2,
      () => undefined,
    );
    expect(sides).toEqual([]);
    expect(failures).toEqual([expect.stringContaining('ours failed')]);
  });

  it('the result is the last line of JSON with figures', () => {
    expect(
      outcomeIn('loading\n{"a": 1}\n{broken\n{"figures": {"x": 2}, "work": {}, "versions": {"torch": "2.0"}}\nbye'),
    ).toEqual({
      figures: { x: 2 },
      work: {},
      versions: { torch: '2.0' },
    });
    expect(() => outcomeIn('nothing')).toThrow(FormatError);
    expect(() => outcomeIn('{"figures": {"x": null}, "work": {}}')).toThrow(/figures\.x/);
  });

  it('calls are repeated until they are enough or took long enough, at least once', async () => {
    const calls = async (repeat: Parameters<typeof medianSeconds>[1]): Promise<number> => {
      let [now, count] = [0, 0];
      const clock = { monotonicMs: () => now, isoNow: () => '' };
      await medianSeconds(
        async () => {
          now += 4000;
          count += 1;
        },
        repeat,
        clock,
      );
      return count;
    };
    expect(await calls({ uncounted: 1, counted: 3, seconds: 100 })).toBe(4);
    expect(await calls({ uncounted: 0, counted: 3, seconds: 5 })).toBe(2);
    expect(await calls({ uncounted: 0, counted: 3, seconds: 1 })).toBe(1);
  });

  it('gives the output of a process', async () => {
    const { output } = await runMeasured(process.execPath, ['-e', 'console.log(40 + 2)'], { cwd: scratch });
    expect(output).toBe('42\n');
  });

  it('a process that fails is an error with the end of what it complained', async () => {
    const failing = runMeasured(process.execPath, ['-e', 'console.error("no such luck"); process.exit(3)'], {
      cwd: scratch,
    });
    await expect(failing).rejects.toThrow(/exit code 3\s+no such luck/);
    await expect(runMeasured(join(scratch, 'absent'), [], { cwd: scratch })).rejects.toThrow(EnvironmentError);
  });

  it('others are what was busy and not its own', () => {
    expect(othersShare({ busy: 100, all: 1000 }, { busy: 160, all: 1100 }, 50)).toBeCloseTo(0.1);
    expect(othersShare({ busy: 100, all: 1000 }, { busy: 140, all: 1100 }, 50)).toBe(0);
    expect(othersShare(null, { busy: 1, all: 2 }, 0)).toBeNull();
  });
});

describe('the history', () => {
  const about = {
    date: '2026-01-01',
    machine: { processor: 'p', cores: 2, memoryGiB: 8, system: 's', threads: 1 },
    versions: {},
  };

  it('grows by one line a recorded run', () => {
    const file = join(scratch, 'history.jsonl');
    for (let i = 0; i < 2; i++) recordRun({ about, rows: [], roofline: [] }, file);
    expect(
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { date: string }).date),
    ).toEqual(['2026-01-01', '2026-01-01']);
  });

  it('a line names the commit', () => {
    expect(JSON.parse(historyLine({ about, rows: [], roofline: [] }, 'abc+'))).toMatchObject({
      revision: 'abc+',
      machine: { cores: 2 },
    });
  });
});

describe('the command line', () => {
  it('without options measures everything, once', () => {
    expect(readArguments([])).toMatchObject({
      names: [],
      model: 'smollm2',
      json: false,
      record: false,
      peers: { wanted: true, python: null },
      setup: { runs: 1, trees: 2, references: [] },
    });
  });

  it('takes a bench by name, or one comparison of it', () => {
    expect(readArguments(['train-step', 'batched/f32', '--runs', '1'])).toMatchObject({
      names: ['train-step', 'batched/f32'],
      setup: { runs: 1 },
    });
    expect([isChosen('batched/f32', ['batched']), isChosen('sampling', ['batched']), isChosen('sampling', [])]).toEqual(
      [true, false, true],
    );
  });

  it('knows a reference implementation by its files', () => {
    mkdirSync(join(scratch, 'checkout', 'src', 'astra_rl'), { recursive: true });
    writeFileSync(join(scratch, 'checkout', 'src', 'astra_rl', '__init__.py'), '');
    expect(referenceAt(join(scratch, 'checkout')).name).toBe('astra-rl');
    expect(() => referenceAt(scratch)).toThrow(ConfigError);
  });

  it('refuses what it does not know', () => {
    for (const args of [['training'], ['--runs', '0'], ['--threads', 'two'], ['--nonsense']])
      expect(() => readArguments(args)).toThrow(ConfigError);
  });
});
