import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError, FormatError } from '../src/base/errors.js';
import { present } from '../src/base/invariant.js';
import { saveLanguageModel } from '../src/engine/models/languageModel.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { tinyModel } from '../tests/fakes/tinyModel.js';
import { readArguments } from './arguments.js';
import { isChosen, lastWith, numberAt, recordsIn, type BenchSetup, type Comparison, type Outcome } from './comparison.js';
import { generation, measureGeneration } from './generation.js';
import { ipoEpoch, measureIpoEpoch } from './ipoEpoch.js';
import { othersShare, runMeasured } from './measuredProcess.js';
import { renderComparison, rowsOf, spreadOf, workNotes, type MeasuredSide } from './results.js';
import { measureTrainStep, trainStep } from './trainStep.js';

const scratch = mkdtempSync(join(tmpdir(), 'gadfly-bench-test-'));
const model = join(scratch, 'tiny');
const texts = Array.from({ length: 20 }, (_, i) => `text number ${String(i)}`);
const setup: BenchSetup = {
  model, threads: 1, runs: 2, epochRuns: 1, trees: 2, prompts: join(scratch, 'texts.json'), scratch,
  peers: { folder: 'peers', python: 'python' },
  sources: { astra: 'astra-checkout', astprompter: null },
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

function peerOf(comparison: Comparison | undefined): Comparison['sides'][number] {
  return present(comparison?.sides.find(({ isPeer }) => isPeer), 'a peer');
}

describe('what is measured on our side', () => {
  it('a training step reads batch × length tokens', async () => {
    const { work, figures } = await measureTrainStep({ model, threads: 1, batch: 2, length: 6, steps: 1 });
    expect(work).toEqual({ 'tokens a step': 12, 'counted steps': 1 });
    expect(Object.keys(figures)).toEqual(['milliseconds', 'tokensPerSecond']);
  });

  it('generation gives a rate for every sampler and batch', async () => {
    const { figures } = await measureGeneration({ model, threads: 1, trainable: true, batches: [1, 3], promptTokens: 5, newTokens: 4, calls: 1 });
    expect(Object.keys(figures)).toEqual(['plain b1', 'plain b3', 'astprompter b1', 'astprompter b3']);
  });

  it.each([
    { peer: 'astra', pairs: 14, turns: 56 },
    { peer: 'astprompter', pairs: 14, turns: 56 },
    { peer: 'batched', pairs: 6, turns: 24 },
  ] as const)('an epoch as $peer does it makes $pairs pairs of 2 prompts', async ({ peer, pairs, turns }) => {
    const prompts = join(scratch, 'two.json');
    writeFileSync(prompts, JSON.stringify(texts.slice(0, 2)));
    const { work } = await measureIpoEpoch({ model, threads: 1, peer, prompts, trees: 2 });
    expect(work).toMatchObject({ trees: 2, pairs, 'optimizer steps': Math.ceil(pairs / 8) });
    const spoken = present(work['spoken tokens'], 'a count');
    expect(spoken).toBeLessThanOrEqual(turns * 24);
    if (peer === 'batched') expect(spoken).toBe(turns * 24);
  });
});

describe('what is asked of the peers', () => {
  it('a step: the shape, the model and the threads of our side', async () => {
    const [comparison] = await trainStep(setup);
    const peer = peerOf(comparison);
    expect(peer.args).toEqual([join('peers', 'train_step.py'), '--model', model, '--threads', '1', '--shapes', '8x64', '--runs', '3']);
    const printed = '{"script": "train_step", "shapes": {"8x64": {"best_ms": 1900.0, "median_ms": 2000.0, "runs": 3}}, "torch": "2.0"}';
    expect(peer.read(recordsIn(`warning\n${printed}\n`))).toEqual({
      figures: { milliseconds: 2000, tokensPerSecond: 256 },
      work: { 'tokens a step': 512, 'counted steps': 3 },
      versions: { torch: '2.0' },
    });
  });

  it('generation: the same figures as ours', async () => {
    const [comparison] = await generation(setup);
    const keys = present(comparison, 'a comparison').figures.map(({ key }) => key);
    const results = Object.fromEntries(keys.map((key, i) => [key, { tokens_per_s_median: i + 1 }]));
    const { figures } = peerOf(comparison).read([{ results, prompt: 64, new: 24 }]);
    expect(figures).toEqual(Object.fromEntries(keys.map((key, i) => [key, i + 1])));
    expect(keys).toContain('astprompter b32');
  });

  it('an epoch: the same prompts, read from one file', async () => {
    const comparisons = await ipoEpoch(setup);
    expect(comparisons.map(({ name }) => name)).toEqual(['ipo-epoch/astra', 'ipo-epoch/astprompter', 'ipo-epoch/batched']);
    const peer = peerOf(comparisons[0]);
    const file = present(peer.args[peer.args.indexOf('--prompts') + 1], 'a file');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(texts.slice(0, 2)); // 'short' is below 8 tokens
    expect(comparisons[0]?.sides[0]?.args.at(-1)).toContain(JSON.stringify(file));
    const result = { rollout_s: 10, train_s: 5, total_s: 15, prompts: 2, pairs: 14, train_steps: 2, generated_tokens: 600 };
    expect(peer.read([result])).toMatchObject({
      figures: { wholeSeconds: 15, spokenPerSecond: 60, trainedPerSecond: 2.8 },
      work: { trees: 2, pairs: 14, 'optimizer steps': 2, 'spoken tokens': 600 },
    });
  });

  it('a peer without its checkout is left out, and that is said', async () => {
    const [, astprompter] = await ipoEpoch(setup);
    expect(astprompter?.sides.map(({ isPeer }) => isPeer)).toEqual([false]);
    expect(astprompter?.notes.at(-1)).toContain('--astprompter');
  });

  it('the batched loop: its phases are added up', async () => {
    const [, , comparison] = await ipoEpoch(setup);
    const epoch = { epoch: 0, step: 6, kept: 48, T: { adversary: 1, target: 2, judge: 1, train: 7, copy: 1, eval: 9 } };
    const { figures, work } = peerOf(comparison).read([{ args: {} }, epoch, { final: {}, step: 6 }]);
    expect(figures).toMatchObject({ rolloutSeconds: 4, updateSeconds: 8, wholeSeconds: 12, trainedPerSecond: 6 });
    expect(work).toEqual({ trees: 16, pairs: 48, 'optimizer steps': 6, 'spoken tokens': 4608 });
  });

  it('nothing when no peers are given', async () => {
    const all = [trainStep, generation, ipoEpoch].map((bench) => bench({ ...setup, peers: null }));
    for (const comparison of (await Promise.all(all)).flat()) expect(comparison.sides.some(({ isPeer }) => isPeer)).toBe(false);
  });
});

describe('results', () => {
  const outcome = (milliseconds: number, tokens: number): Outcome => ({ figures: { milliseconds, rate: 1000 / milliseconds }, work: { tokens } });
  const side = (label: string, values: readonly number[], tokens: number): MeasuredSide => ({
    label,
    isPeer: label === 'peer',
    samples: values.map((value) => ({ outcome: outcome(value, tokens), seconds: 1, peakMiB: 100 * value, others: 0.25 })),
  });
  const comparison: Comparison = {
    name: 'x', title: 'a thing', runs: 3, sides: [], notes: ['Not equal.'],
    figures: [
      { key: 'milliseconds', title: 'ms', better: 'lower', digits: 0 },
      { key: 'rate', title: 'rate', better: 'higher', digits: 0 },
    ],
  };
  const sides = [side('ours', [1, 4, 2], 7), side('peer', [5, 4, 6], 8)];

  it('the median of an even number of values lies between the middle two', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spreadOf([])).toBeNull();
  });

  it('a ratio above 1 means that ours is better, whichever way the figure goes', () => {
    expect(rowsOf(comparison, sides).map(({ figure, ratio }) => [figure, ratio])).toEqual([['milliseconds', 2.5], ['rate', 2.5], ['peakMiB', 2.5]]);
  });

  it('without a peer there is no ratio', () => {
    expect(rowsOf(comparison, sides.slice(0, 1)).map(({ peer, ratio }) => [peer, ratio])).toEqual([[null, null], [null, null], [null, null]]);
  });

  it('unequal work is said', () => {
    expect(workNotes(sides)).toEqual(['Work of ours: 7 tokens (peer: 8).']);
    expect(workNotes([side('ours', [1], 8), side('peer', [1], 8)])).toEqual(['Work of ours: 8 tokens (equal).']);
  });

  it('the table shows medians, extremes, ratios and notes', () => {
    const text = renderComparison(comparison, sides, ['peer failed']);
    expect(text).toContain('2 (1 – 4)');
    expect(text).toContain('2.50×');
    expect(text).toContain('Not equal.');
    expect(text).toContain('Other processes used 25%');
    expect(text).toContain('peer failed');
  });
});

describe('reading what programs print', () => {
  it('takes the lines that are JSON objects', () => {
    expect(recordsIn('loading\n{"a": 1}\n{broken\n[1]\n{"b": 2}')).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it('a missing figure is an error that names it', () => {
    expect(() => numberAt({ shapes: {} }, 'shapes', '8x64', 'median_ms')).toThrow(/shapes\.8x64\.median_ms/);
    expect(() => lastWith([], 'shapes')).toThrow(FormatError);
  });
});

describe('a measured process', () => {
  it('gives its output', async () => {
    const { output } = await runMeasured(process.execPath, ['-e', 'console.log(40 + 2)'], { cwd: scratch });
    expect(output).toBe('42\n');
  });

  it('that fails is an error with the end of what it complained', async () => {
    const failing = runMeasured(process.execPath, ['-e', 'console.error("no such luck"); process.exit(3)'], { cwd: scratch });
    await expect(failing).rejects.toThrow(/exit code 3\s+no such luck/);
    await expect(runMeasured(join(scratch, 'absent'), [], { cwd: scratch })).rejects.toThrow(EnvironmentError);
  });

  it('others are what was busy and not its own', () => {
    expect(othersShare({ busy: 100, all: 1000 }, { busy: 160, all: 1100 }, 50)).toBeCloseTo(0.1);
    expect(othersShare({ busy: 100, all: 1000 }, { busy: 140, all: 1100 }, 50)).toBe(0);
    expect(othersShare(null, { busy: 1, all: 2 }, 0)).toBeNull();
  });
});

describe('the command line', () => {
  it('without options measures our side of everything', () => {
    expect(readArguments([])).toMatchObject({ names: [], model: 'smollm2', json: false, setup: { runs: 3, epochRuns: 1, trees: 2, peers: null } });
  });

  it('takes a bench by name, or one comparison of it', () => {
    expect(readArguments(['train-step', 'ipo-epoch/astra', '--runs', '1'])).toMatchObject({ names: ['train-step', 'ipo-epoch/astra'], setup: { runs: 1 } });
    expect([isChosen('ipo-epoch/astra', ['ipo-epoch']), isChosen('generation', ['ipo-epoch']), isChosen('generation', [])]).toEqual([true, false, true]);
  });

  it('refuses what it does not know', () => {
    for (const args of [['training'], ['--runs', '0'], ['--threads', 'two'], ['--nonsense']]) expect(() => readArguments(args)).toThrow(ConfigError);
  });
});
