/** Greedy Coordinate Gradient against nanoGCG's own functions on small random models (tests/golden/gcg.py), and the rules
 *  of its search. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { childKey, openStream, streamKey } from '../../base/random.js';
import { createSpending } from '../../base/spending.js';
import { sumOf } from '../../base/sums.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { openLanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import {
  characterTokenizer,
  goldenCheckpoint,
  goldenFolder,
  relativeDifference,
} from '../../engine/models/testing/goldenModels.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createLocalTarget, type LocalTarget } from '../../speakers/targets/local.js';
import { openSuffixFrame, type SuffixProblem } from '../search/suffixFrame.js';
import { drawCandidates, leastTokens } from './candidates.js';
import { openGradientReader } from './oneHotGradient.js';
import { gcgSchema, settingsOf } from './options.js';
import { openGcg, type SuffixState } from './search.js';

interface Golden {
  readonly message: string;
  readonly target: string;
  readonly template: string;
  readonly targetIds: readonly number[];
  readonly suffixes: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly loss: number;
    readonly gradient: readonly (readonly number[])[];
    readonly top: readonly (readonly number[])[];
  }[];
  readonly found: { readonly text: string; readonly loss: number };
}

const goldens = JSON.parse(readFileSync(join(goldenFolder, '../gcg/golden.json'), 'utf8')) as Readonly<
  Record<string, Golden>
>;

/** nanoGCG is told not to draw the last token. */
const allowed = Array.from({ length: 63 }, (_, id) => id);

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

/** A chat whose template puts the message before what the adversary says. */
async function openTarget(variant: string): Promise<LocalTarget> {
  const { template, message } = present(goldens[variant], 'a golden');
  const chatTemplate = template.replace('<', `<${message}`);
  const model = await openLanguageModel(device, { ...goldenCheckpoint(variant), chatTemplate });
  return createLocalTarget(model, { format: 'chat' });
}

const problemOf = (target: string, id = 'p'): SuffixProblem => ({
  prompt: { ...promptOf(id), text: '' },
  message: '',
  targetTexts: [target],
});

describe.each(Object.entries(goldens))('%s, as nanoGCG reads it', (variant, golden) => {
  let target: LocalTarget;
  beforeAll(async () => {
    target = await openTarget(variant);
  });
  afterAll(() => target.model.close());

  it('gives the same losses, one-hot gradients and best tokens', async () => {
    const { model } = target;
    const reader = await openGradientReader(model);
    for (const { text, ids, loss, gradient, top } of golden.suffixes) {
      const frame = openSuffixFrame(target, problemOf(golden.target), text);
      expect(frame.start).toEqual(ids);
      const soft = ids.map((_, i) => model.vocabularySize + i);
      const got = await reader.read(frame.sequences(soft), ids);
      expect(got.loss).toBeCloseTo(loss, 5);
      const [scored] = await scoreCompletions(model, frame.sequences(ids));
      expect(-sumOf(scored ?? []) / golden.targetIds.length).toBeCloseTo(loss, 5);
      expect(
        relativeDifference(
          got.rows.flatMap((row) => [...row]),
          gradient.flat(),
        ),
      ).toBeLessThan(1e-5);
      const best = got.rows.map((row) => leastTokens(row, allowed, 8));
      expect(best.map((row) => [...row].sort((a, b) => a - b))).toEqual(top);
    }
    await reader.close();
  });

  it('finds what nanoGCG has found as good as it said', async () => {
    const frame = openSuffixFrame(target, problemOf(golden.target), golden.found.text);
    const [scored] = await scoreCompletions(target.model, frame.sequences(frame.start));
    expect(-sumOf(scored ?? []) / golden.targetIds.length).toBeCloseTo(golden.found.loss, 5);
  });
});

describe('a search', () => {
  const settings = { start: 'XXXXXX', width: 16, topK: 8, positions: 'even', ascii: true } as const;
  let target: LocalTarget;
  beforeAll(async () => {
    target = await openTarget('llama-tied');
  });
  afterAll(() => target.model.close());

  it('moves to the best candidate even if it is worse, keeps the best of the run, and counts what it asks', async () => {
    const spending = createSpending();
    const gcg = await openGcg([target], settings, spending);
    const search = gcg.search([problemOf('ABCDEFG')]);
    const states: SuffixState[] = [await search.start()];
    for (let step = 1; step <= 40; step++) {
      const before = present(states.at(-1), 'a state');
      const { state, candidates } = await search.step(before, childKey(streamKey(1, 'search'), step));
      expect(candidates).toBe(16);
      expect(state.suffix.filter((id, i) => id !== before.suffix[i])).toHaveLength(1);
      states.push(state);
    }
    const losses = states.map(({ loss }) => loss);
    const { best } = present(states.at(-1), 'a state');
    expect(losses.some((loss, i) => i > 0 && loss > (losses[i - 1] ?? NaN))).toBe(true);
    expect(best.loss).toBe(Math.min(...losses));
    expect(states[best.step]?.suffix).toEqual(best.suffix);
    expect(best.loss).toBeLessThan(present(goldens['llama-tied'], 'a golden').found.loss); // of 20 steps
    expect(spending.total()).toMatchObject({ targetEvaluations: 1 + 40 * 16, targetGradients: 40 });
    // The same key and state give the same step, whatever was searched between.
    const again = await search.step(present(states[7], 'a state'), childKey(streamKey(1, 'search'), 8));
    expect(again.state).toEqual(states[8]);
    await gcg.close();
  });

  it('serves several prompts with one suffix: losses and gradients are the means of theirs', async () => {
    const gcg = await openGcg([target], settings, createSpending());
    const [first, second] = [problemOf('ABC', 'p'), problemOf('CBAA', 'q')];
    const loss = async (problems: readonly SuffixProblem[]) => (await gcg.search(problems).start()).loss;
    const both = await loss([first, second]);
    expect(both).toBeCloseTo(((await loss([first])) + (await loss([second]))) / 2, 5);
    const reader = await openGradientReader(target.model);
    const gradient = async (problems: readonly SuffixProblem[]) => {
      const frames = problems.map((problem) => openSuffixFrame(target, problem, settings.start));
      const suffix = present(frames[0], 'a frame').start;
      const soft = suffix.map((_, i) => target.model.vocabularySize + i);
      const { rows } = await reader.read(
        frames.flatMap((frame) => frame.sequences(soft)),
        suffix,
      );
      return rows.flatMap((row) => [...row]);
    };
    const [a, b] = [await gradient([first]), await gradient([second])];
    const mean = a.map((value, i) => (value + (b[i] ?? NaN)) / 2);
    expect(relativeDifference(await gradient([first, second]), mean)).toBeLessThan(1e-5);
    await reader.close();
    await gcg.close();
  });
});

describe('a search for several models', () => {
  const settings = { start: 'XXXXXX', width: 16, topK: 8, positions: 'even', ascii: true } as const;
  const problems = [problemOf('ABC')];

  it('averages their losses, and is led by the gradients of all', async () => {
    const targets = [await openTarget('llama-tied'), await openTarget('llama-untied')];
    const together = await openGcg(targets, settings, createSpending());
    const search = together.search(problems);
    const start = await search.start();
    const alone: number[] = [];
    const steps: (readonly number[])[] = [];
    for (const target of targets) {
      const gcg = await openGcg([target], settings, createSpending());
      const own = gcg.search(problems);
      const state = await own.start();
      alone.push(state.loss);
      steps.push((await own.step(state, streamKey(2, 'one'))).state.suffix);
      await gcg.close();
    }
    expect(start.loss).toBeCloseTo(sumOf(alone) / 2, 5);
    const { state } = await search.step(start, streamKey(2, 'one'));
    expect(state.loss).toBeLessThan(start.loss);
    expect(steps).not.toContainEqual(state.suffix);
    await together.close();
    for (const target of targets) await target.model.close();
  });

  it('is refused where they read other tokens', async () => {
    const target = await openTarget('llama-tied');
    const other = { ...target, model: { ...target.model, tokenizer: characterTokenizer(60) } };
    await expect(openGcg([target, other], settings, createSpending())).rejects.toThrow('read the same tokens');
    await target.model.close();
  });
});

describe('candidates', () => {
  const options = { tops: [[1], [2], [3], [4]], width: 8, survives: () => true };
  const draw = (change: object) =>
    drawCandidates([0, 0, 0, 0], {
      ...options,
      positions: 'even',
      stream: openStream(streamKey(0, 'candidates')),
      ...change,
    });

  it('are different, are spread evenly where asked, and never are the suffix itself', () => {
    expect(draw({})).toEqual([
      [1, 0, 0, 0],
      [0, 2, 0, 0],
      [0, 0, 3, 0],
      [0, 0, 0, 4],
    ]);
    expect(draw({ positions: 'random' })).toHaveLength(4);
    expect(draw({ tops: [[0], [0], [0], [0]] })).toEqual([]);
  });

  it('are only those that survive', () => {
    const survives = ([first]: readonly number[]) => first === 0;
    expect(draw({ survives })).toHaveLength(3);
  });

  it('are drawn from the tokens of least gradient that are allowed, equal ones in their order', () => {
    expect(leastTokens(Float32Array.of(3, -1, 2, -1, -5, 0), [0, 1, 2, 3, 5], 3)).toEqual([1, 3, 5]);
  });
});

describe('settings', () => {
  const named = (given: object) => settingsOf(gcgSchema.parse({ attack: 'gcg', ...given }));

  it('are those of the released codes by name, and each may be changed', () => {
    const like = (name: string) => named({ like: name });
    expect(like('nanogcg')).toMatchObject({ steps: 250, width: 512, topK: 256, positions: 'random', checkEvery: null });
    expect(like('llm-attacks')).toMatchObject({ steps: 500, width: 512, topK: 256, positions: 'even', checkEvery: 1 });
    expect(like('harmbench')).toMatchObject({ steps: 500, positions: 'even', stopBelow: 0.05, checkEvery: 10 });
    expect(like('nanogcg').start).toBe(`${'x '.repeat(19)}x`);
    expect(like('harmbench').start).toBe(`${'! '.repeat(19)}!`);
    const own = { start: 'go', steps: 1, width: 2, topK: 3, positions: 'even', stopBelow: null, checkEvery: 4 };
    expect(named({ like: 'harmbench', ...own })).toEqual(own);
  });
});
