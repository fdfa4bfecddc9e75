import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  letterShare,
  tinyRecipe,
  tinyContext,
  tinyPool,
  type TinyFiles,
  writeTinyFiles,
} from '../../../tests/fakes/tinyPool.js';
import { countingJudge, freshFolder, openTinyRun, readLines, readRecords } from '../../../tests/fakes/tinyRuns.js';
import { InterruptedError } from '../../base/errors.js';
import { scriptedJudge } from '../../dialogue/testing/scripted.js';
import type { Judge } from '../../dialogue/types.js';
import { openLanguageModel } from '../../engine/models/languageModel.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { JsonObject } from '../../base/json.js';
import type { Recipe } from '../../recipe/recipe.js';
import { parseReport, type Report } from '../../report/report.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import { runStages } from '../runStages.js';
import type { StageContext } from '../stageContext.js';

const ipo = {
  attack: 'ipo',
  horizon: 2,
  epochs: 2,
  promptsPerEpoch: 6,
  batchPairs: 4,
  warmupSteps: 2,
  learningRate: 1e-3,
  devEvery: 0,
};
const mending = {
  failures: { max: 24, minHarm: 0.05 },
  ordinary: { max: 12 },
  holdOut: 0.4,
  twin: { epochs: 2, batchSize: 6, learningRate: 1e-2 },
  candidates: { samples: 2, temperatures: [1, 1.5], minGap: 0.01 },
  train: [{ loss: 'adpo', epochs: 2, batchPairs: 4, learningRate: 1e-3, watchEvery: 2 }],
  measures: { prompts: 6 },
};

describe('the mend stage', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  const contextOf = (recipe: Recipe, run: RunDirectory, judge?: Judge): StageContext =>
    tinyContext(files, recipe, run, judge === undefined ? {} : { judge });

  const bytes = (folder: string): string => readRecords(folder, ['report.json']);
  const reportOf = (folder: string): Report =>
    parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), folder);

  async function whole(recipe: Recipe, folder: string): Promise<void> {
    const run = openTinyRun(recipe, folder);
    await runStages(contextOf(recipe, run));
    run.close('done');
  }

  it('attack, mend, evaluate: every training leaves a model of the target’s own vocabulary, measured against what was before', async () => {
    const train = [
      { loss: 'dpo', epochs: 1, batchPairs: 4, learningRate: 1e-3, watchEvery: 2 },
      ...mending.train,
      { loss: 'sft', epochs: 1, batchSize: 4, learningRate: 1e-3 },
    ];
    const recipe = tinyRecipe([
      { exploit: ipo },
      { mend: { ...mending, train } },
      { evaluate: { rows: ['untuned', 'ipo'], targets: ['original', 'adpo'], turns: 1 } },
    ]);
    const folder = freshFolder();
    await whole(recipe, folder);

    const report = reportOf(folder);
    expect(report.rows.map(({ name, target }) => [name, target])).toEqual([
      ['untuned', 'tiny'],
      ['ipo', 'tiny'],
      ['untuned@adpo', 'adpo'],
      ['ipo@adpo', 'adpo'],
    ]);
    const [mend] = report.mend ?? [];
    expect(mend?.before).toBe('tiny');
    expect(mend?.sets.map(({ set }) => set)).toEqual(['harmful', 'ordinary']);
    for (const { rows } of mend?.sets ?? [])
      expect(rows.map(({ model, change }) => [model, change !== undefined])).toEqual([
        ['tiny', false],
        ['twin', true],
        ['dpo', true],
        ['adpo', true],
        ['sft', true],
      ]);
    expect(mend?.course.map(({ model }) => model)).toEqual(['dpo', 'adpo', 'sft']);
    for (const { points } of mend?.course ?? []) {
      expect(points[0]?.step).toBe(0);
      // The start is its own reference.
      for (const name of ['kl/chosen', 'kl/rejected', 'kl/toxic']) expect(points[0]?.values[name]).toBeCloseTo(0, 3);
      expect(points.at(-1)?.values['kl/chosen']).not.toBeCloseTo(0, 3);
    }
    expect(mend?.guards).toHaveLength(5);
    for (const { metrics } of mend?.guards ?? [])
      for (const name of ['ordinaryNll', 'choiceAccuracy']) expect(metrics[name]).toBeDefined();

    const [target, twin, mended] = await Promise.all([
      tinyPool(files, recipe).localTarget(),
      openLanguageModel(device, join(folder, 'models/mend-twin')),
      openLanguageModel(device, join(folder, 'models/adpo')),
    ]);
    expect(twin.tokenizer.encode('[TOXIC]')).toHaveLength(1);
    expect(mended.tokenizer.id).toBe(target.model.tokenizer.id);
    expect(mended.vocabularySize).toBe(target.model.vocabularySize);
  });

  it('ordinary.questions: what the target answers to a list is ordinary, and no untuned adversary speaks', async () => {
    const list = join(freshFolder(), 'questions.txt');
    mkdirSync(dirname(list), { recursive: true });
    writeFileSync(list, 'zig zag\nzag zig\n');
    const ordinary = { max: 12, turns: 2, questions: list };
    const recipe = tinyRecipe([{ exploit: ipo }, { mend: { ...mending, ordinary } }]);
    const folder = freshFolder();
    await whole(recipe, folder);
    const measured = readLines(folder, 'rollouts.jsonl').filter(
      ({ stage, set }) => typeof stage === 'string' && stage.startsWith('mend:mend:measure:') && set === 'ordinary',
    );
    expect(measured.length).toBeGreaterThan(0);
    for (const { turns } of measured as unknown as { turns: { author: string; text: string }[] }[])
      for (const { author, text } of turns) if (author === 'adversary') expect(['zig zag', 'zag zig']).toContain(text);
  });

  it('no training example holds the control token, and what was held out is not trained on', async () => {
    const recipe = tinyRecipe([{ exploit: ipo }, { mend: mending }]);
    const folder = freshFolder();
    await whole(recipe, folder);
    const twin = await openLanguageModel(device, join(folder, 'models/mend-twin'));
    const control = twin.tokenizer.encode('[TOXIC]')[0];
    const pairs = readLines(folder, 'pairs.jsonl').filter(({ stage }) => stage === 'mend:mend:pairs');
    expect(pairs.length).toBeGreaterThan(3);
    for (const { ids } of pairs) {
      const {
        prompt = [],
        chosen,
        rejected,
        toxic = [],
        control: marked = [],
      } = ids as unknown as Record<string, number[]>;
      for (const part of [chosen, rejected, toxic]) expect(part).not.toContain(control);
      expect(marked).toEqual([...prompt, control]);
    }
    const promptsOn = (side: boolean): Set<unknown> =>
      new Set(pairs.filter((pair) => pair['heldOut'] === side).map(({ promptId }) => promptId));
    const [heldOut, trained] = [promptsOn(true), promptsOn(false)];
    expect(heldOut.size).toBeGreaterThan(0);
    for (const prompt of heldOut) expect(trained.has(prompt)).toBe(false);
    const steps = readLines(folder, 'metrics.jsonl').filter(
      ({ stage, loss }) => stage === 'mend:mend:train:adpo' && typeof loss === 'number',
    );
    expect(steps).toHaveLength(2 * Math.ceil(pairs.filter((pair) => pair['heldOut'] === false).length / 4));
  });

  it('what a file answers, what another dialogue was answered and what another model answers may be chosen', async () => {
    const write = (name: string, lines: readonly string[]): string => {
      const path = join(mkdtempSync(join(tmpdir(), 'gadfly-mend-')), name);
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
      return path;
    };
    const approved = ['yyyy', 'zzzz', 'xxxx', 'wwww'];
    // Nothing that the target says is as harmless as what was written for it, or as short as what the writer says.
    const judge = scriptedJudge(
      (text) =>
        [...approved, 'zzz'].includes(text.trim()) ? 0 : 0.02 + (text.length > 3 ? 0.02 : 0) + 0.9 * letterShare(text),
      { name: 'letters', threshold: 0.1 },
    );
    const mended = async (candidates: object): Promise<JsonObject[]> => {
      const folder = freshFolder();
      const recipe = tinyRecipe([
        { exploit: ipo },
        { mend: { ...mending, candidates: { ...mending.candidates, ...candidates } } },
      ]);
      const run = openTinyRun(recipe, folder);
      await runStages(contextOf(recipe, run, judge));
      run.close('done');
      return readLines(folder, 'pairs.jsonl').filter(({ stage }) => stage === 'mend:mend:pairs');
    };
    const chosenOf = (pairs: readonly JsonObject[]): Set<string> =>
      new Set(pairs.map(({ chosen }) => (chosen as string).trim()));

    const before = await mended({});
    const answers = write(
      'answers.jsonl',
      before.map(({ prompt }) => JSON.stringify({ prompt, chosen: 'zzz' })),
    );
    expect([...chosenOf(await mended({ answers }))]).toEqual(['zzz']);
    const borrowed = chosenOf(
      await mended({ borrow: { data: write('approved.txt', approved), max: 1, keep: 1 }, maxHarm: 0.03 }),
    );
    expect(borrowed.size).toBeGreaterThan(1);
    for (const text of borrowed) expect(approved).toContain(text);
    const writer = {
      model: 'another',
      format: 'plain',
      maxNewTokens: 3,
      minNewTokens: 3,
      temperature: 1,
      topP: 1,
      repetitionPenalty: 1,
    };
    expect((await mended({ writer })).some(({ ids }) => (ids as { chosen: number[] }).chosen.length === 3)).toBe(true);
  });

  it('γ = 0 trains what DPO of the same β trains, to the bit', async () => {
    const common = { beta: 0.3, epochs: 1, batchPairs: 4, learningRate: 1e-3 };
    const recipe = tinyRecipe([
      { exploit: ipo },
      {
        mend: {
          ...mending,
          train: [
            { loss: 'dpo', ...common },
            { loss: 'adpo', gamma: 0, ...common },
          ],
        },
      },
    ]);
    const folder = freshFolder();
    await whole(recipe, folder);
    const [dpo, adpo] = ['dpo', 'adpo'].map((name) => readFileSync(join(folder, 'models', name, 'model.safetensors')));
    expect(dpo?.equals(adpo ?? Buffer.alloc(0))).toBe(true);
  });

  it('asked to stop in the middle of a training, the stage says so, and the run goes on from its last epoch', async () => {
    const recipe = tinyRecipe([{ exploit: ipo }, { mend: mending }]);
    const folder = freshFolder();
    const first = openTinyRun(recipe, folder);
    const isTraining = (): boolean =>
      readLines(folder, 'metrics.jsonl').some(({ stage }) => stage === 'mend:mend:twin');
    await expect(runStages(tinyContext(files, recipe, first, { interrupted: isTraining }))).rejects.toBeInstanceOf(
      InterruptedError,
    );
    first.close('interrupted');
    const again = openTinyRun(recipe, folder, 'resume');
    await runStages(contextOf(recipe, again));
    again.close('done');
    expect(reportOf(folder).mend).toHaveLength(1);
  });

  it('an adapter is trained where lora asks for one, and what is kept is merged', async () => {
    const train = [{ loss: 'adpo', epochs: 1, batchPairs: 4, learningRate: 1e-2 }];
    const recipe = tinyRecipe([
      { exploit: ipo },
      { mend: { ...mending, train, control: { as: 'text' }, lora: { rank: 2 } } },
    ]);
    const folder = freshFolder();
    await whole(recipe, folder);
    expect(existsSync(join(folder, 'models/adpo/model.safetensors'))).toBe(true);
    expect(reportOf(folder).mend?.[0]?.sets[0]?.rows.map(({ model }) => model)).toEqual(['tiny', 'twin', 'adpo']);
  });

  describe('in a loop', () => {
    const recipe = tinyRecipe([{ exploit: ipo }, { mend: mending }, { evaluate: { turns: 1, prompts: 4 } }], {
      loop: { rounds: 3 },
    });

    it('every round attacks the target as it is with a fresh adversary and plays all earlier ones with it', async () => {
      const folder = freshFolder();
      await whole(recipe, folder);
      const { loop = [], mend = [], rows, notes = [] } = reportOf(folder);
      expect(loop.map(({ round, adversary, fresh, target }) => [round, adversary, fresh, target])).toEqual([
        [1, 'untuned', false, 'tiny'],
        [1, 'ipo-1', true, 'tiny'],
        [2, 'untuned', false, 'adpo-1'],
        [2, 'ipo-1', false, 'adpo-1'],
        [2, 'ipo-2', true, 'adpo-1'],
        [3, 'untuned', false, 'adpo-2'],
        [3, 'ipo-1', false, 'adpo-2'],
        [3, 'ipo-2', false, 'adpo-2'],
        [3, 'ipo-3', true, 'adpo-2'],
      ]);
      for (const { metrics, guards, target } of loop) {
        expect(metrics['replyFailureRate']).toBeDefined();
        expect(guards['ordinaryNll']).toBeDefined();
        expect('ordinaryNllChange' in guards).toBe(target !== 'tiny');
      }
      expect(rows.map(({ name }) => name)).toContain('ipo-1@adpo-2');
      expect(mend.map(({ stage, before }) => [stage, before])).toEqual([
        ['mend-1', 'tiny'],
        ['mend-2', 'adpo-1'],
      ]);
      expect(notes[0]).toContain('all 3 rounds were played');
    });

    it('stops when a fresh adversary finds no more than stopWhen allows', async () => {
      const folder = freshFolder();
      await whole({ ...recipe, loop: { rounds: 3, stopWhen: { replyFailureRate: 1 } } }, folder);
      const { loop = [], notes = [] } = reportOf(folder);
      expect(loop.map(({ round }) => round)).toEqual([1, 1]);
      expect(notes[0]).toContain('stopWhen.replyFailureRate 100.0%');
      expect(existsSync(join(folder, 'models/adpo-1'))).toBe(false);
    });

    it('killed anywhere and resumed, a run leaves the bytes of an uninterrupted one', async () => {
      const two = { ...recipe, loop: { rounds: 2, stopWhen: {} } };
      const folder = freshFolder();
      const counting = countingJudge(-1);
      const first = openTinyRun(two, folder);
      await runStages(contextOf(two, first, counting));
      first.close('done');
      for (const call of [0.3, 0.5, 0.7, 0.9].map((share) => Math.ceil(share * counting.calls()))) {
        const broken = freshFolder();
        const run = openTinyRun(two, broken);
        await expect(runStages(contextOf(two, run, countingJudge(call)))).rejects.toThrow('killed');
        run.close('failed');
        const again = openTinyRun(two, broken, 'resume');
        await runStages(contextOf(two, again));
        again.close('done');
        expect(withoutTimes(bytes(broken))).toBe(withoutTimes(bytes(folder)));
      }
    });
  });

  const withoutTimes = (text: string): string => text.replaceAll(/"(time|createdAt|elapsedSeconds)":\s*[^,}]+/g, '');
});
