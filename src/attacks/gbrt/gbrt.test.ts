/** Gradient-Based Red Teaming against plain PyTorch on small random models (tests/golden/gbrt.py), and the rules of its
 *  search. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { childKey, streamKey } from '../../base/random.js';
import { createSpending } from '../../base/spending.js';
import { sumOf } from '../../base/sums.js';
import { joinPlain } from '../../dialogue/join.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { scriptedJudge } from '../../dialogue/testing/scripted.js';
import type { Judge } from '../../dialogue/types.js';
import { type LanguageModel, openLanguageModel } from '../../engine/models/languageModel.js';
import { packSequences } from '../../engine/models/packSequences.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { openSequenceClassifier, type SequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import {
  characterTokenizer,
  formulaTensor,
  goldenCheckpoint,
  goldenFolder,
  relativeDifference,
} from '../../engine/models/testing/goldenModels.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { f32Tensor, type HostTensor, i64Tensor } from '../../engine/runtime/hostTensor.js';
import { createLocalTarget, type LocalTarget } from '../../speakers/targets/local.js';
import type { SuffixProblem } from '../search/suffixFrame.js';
import { startAdam, stepAdam } from './adam.js';
import { compileLoss } from './lossGraph.js';
import { gbrtSchema, settingsOf } from './options.js';
import { openGbrt, type SoftState } from './search.js';
import { openSoftJudge, type SoftJudgeOptions } from './softJudge.js';
import { closed } from './softTokens.js';
import { readTokenMap } from './tokenMap.js';

interface Case {
  readonly model: string;
  readonly judge?: string;
  readonly reads?: 'reply' | 'exchange';
  readonly labels?: readonly number[];
  readonly temperature: number;
  readonly replyTemperature?: number;
  readonly hard: boolean;
  readonly weight: number;
  readonly attack: number;
  readonly improbability: number;
  readonly gradient: readonly number[];
}

const golden = JSON.parse(readFileSync(join(goldenFolder, '../gbrt/golden.json'), 'utf8')) as {
  readonly sizes: {
    readonly draws: number;
    readonly tokens: number;
    readonly replyTokens: number;
    /** Tokens from here on are not allowed. */
    readonly open: number;
    readonly before: readonly number[];
    readonly after: readonly number[];
    readonly texts: readonly (readonly number[])[];
  };
  readonly cases: Readonly<Record<string, Case>>;
};

let device: Device;
let judge: SequenceClassifier;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  judge = await openSequenceClassifier(device, goldenCheckpoint('llama-classifier'));
});
afterAll(() => device.close());

const judgeOf = (model: SequenceClassifier, labels: readonly number[]): Judge =>
  Object.assign(
    scriptedJudge(() => null),
    { classifier: { model, reading: { kind: 'softmax', labels, inverted: false } } },
  );

describe.each(Object.entries(golden.cases))('the loss of %s', (name, wanted) => {
  const { draws, tokens, replyTokens, open, before, after, texts } = golden.sizes;
  const size = 64;

  const drawn = async (what: string, dims: readonly number[]): Promise<HostTensor> => {
    const values = await formulaTensor(`${what} of ${name}`, dims).read();
    return f32Tensor(
      dims,
      values.map((value) => 8 * (value - (dims.length === 1 ? 1 : 0))),
    );
  };

  function textFeeds() {
    const prefixOf = (d: number) => [
      ...before,
      ...Array.from({ length: tokens }, (_, s) => size + d * tokens + s),
      ...after,
    ];
    const sequences = Array.from({ length: draws }, (_, d) =>
      texts.map((completion) => ({ prefix: prefixOf(d), completion })),
    ).flat();
    const packed = packSequences(sequences, size);
    const weights = sequences.flatMap(({ completion }) =>
      completion.map(() => 1 / (sequences.length * completion.length)),
    );
    return {
      ids: packed.ids_BT,
      positions: packed.positions_BT,
      rows: packed.rows_N,
      targets: packed.targets_N,
      tokenWeights: f32Tensor([weights.length], weights),
    };
  }

  async function replyFeeds() {
    const soft = (row: number) => size + row;
    const ids = Array.from({ length: draws }, (_, d) => [
      ...before,
      ...Array.from({ length: tokens }, (__, s) => soft(d * tokens + s)),
      ...after,
      ...Array.from({ length: replyTokens - 1 }, (__, k) => soft((tokens + k) * draws + d)),
    ]);
    const length = ids[0]?.length ?? 0;
    return {
      ids: i64Tensor([draws, length], ids.flat()),
      positions: i64Tensor(
        [draws, length],
        ids.flatMap((row) => row.map((_, t) => t)),
      ),
      replyNoise: await drawn('reply noise', [replyTokens, draws, size]),
      replyTemperature: f32Tensor([], [wanted.replyTemperature ?? NaN]),
    };
  }

  it('and its gradient in the prompt’s logits are PyTorch’s', async () => {
    const model = await openLanguageModel(device, goldenCheckpoint(wanted.model));
    const { reads = 'reply', labels = [] } = wanted;
    // A judge of other tokens, by a map that says what the same tokens would: the same numbers.
    const map = wanted.reads === 'exchange' ? (_: number, count: number) => [...new Array(count).keys()] : null;
    const options: SoftJudgeOptions = { reads, follows: 'harm', join: joinPlain, draws, tokens, map };
    const reader = wanted.judge === undefined ? null : openSoftJudge(judgeOf(judge, labels), model, options);
    const loss = await compileLoss(model, { draws, tokens, replyTokens, judge: reader, realism: true });
    const own = reader === null ? textFeeds() : await replyFeeds();
    const width = (own.ids.dims[1] ?? 0) - (reader === null ? 0 : replyTokens - 1);
    const each = reader === null ? texts.length : 1;
    const rows = Array.from({ length: draws * tokens }, (_, n) => {
      return Math.floor(n / tokens) * each * width + before.length - 1 + (n % tokens);
    });
    const outputs = await device.run(loss.program, {
      ...own,
      logits: await drawn('logits', [tokens, size]),
      closed: f32Tensor(
        [size],
        Array.from({ length: size }, (_, id) => (id < open ? 0 : closed)),
      ),
      noise: await drawn('noise', [draws, tokens, size]),
      temperature: f32Tensor([], [wanted.temperature]),
      hard: f32Tensor([], [wanted.hard ? 1 : 0]),
      promptRows: i64Tensor([rows.length], rows),
      realismWeight: f32Tensor([], [wanted.weight]),
    });
    expect(Number(outputs['attack']?.data[0])).toBeCloseTo(wanted.attack, 5);
    expect(Number(outputs['improbability']?.data[0])).toBeCloseTo(wanted.improbability, 5);
    expect(relativeDifference(outputs['gradient']?.data as Float32Array, wanted.gradient)).toBeLessThan(1e-4);
    await loss.close();
    await model.close();
  });
});

describe('a search', () => {
  let target: LocalTarget;
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openLanguageModel(device, {
      ...goldenCheckpoint('llama-tied'),
      chatTemplate: '{% for m in messages %}<{{ m["content"] }}>{% endfor %}{% if add_generation_prompt %}[{% endif %}',
    });
    target = createLocalTarget(model, { format: 'chat' });
  });
  afterAll(() => model.close());

  const problem: SuffixProblem = {
    prompt: { ...promptOf('p'), text: '' },
    message: '',
    targetTexts: ['ABCDEFG', 'AB'],
  };
  const options = { attack: 'gbrt', loss: 'targetText', like: 'quick', tokens: 4, steps: 60 };
  const open = (change: object, spending = createSpending()) =>
    openGbrt(target, {
      settings: settingsOf(gbrtSchema.parse({ ...options, ...change })),
      allowed: 'any',
      judge: null,
      spending,
    });

  it('lowers the loss of the hard prompt, which is what is reported, and counts a gradient per draw and phrasing', async () => {
    const spending = createSpending();
    const gbrt = await open({ realism: 0 }, spending);
    const search = gbrt.search(problem);
    const states: SoftState[] = [search.start()];
    while (states.length <= 60) {
      const before = present(states.at(-1), 'a state');
      states.push((await search.step(before, childKey(streamKey(1, 'search'), before.step + 1))).state);
    }
    const hard = states.map((state) => search.hardPrompt(state));
    const losses = await Promise.all([0, 60].map((step) => search.lossOf(present(hard[step], 'a prompt'))));
    expect(losses[1]).toBeLessThan((losses[0] ?? NaN) - 0.1);
    expect(hard.every(({ ids, utterance }) => ids.length === 4 && [...utterance].length === 4)).toBe(true);
    expect(spending.total()).toMatchObject({ targetGradients: 60 * 4 * 2, targetEvaluations: 2 * 2 });
    // The same key and state give the same step, whatever was searched between.
    const again = await search.step(present(states[7], 'a state'), childKey(streamKey(1, 'search'), 8));
    expect(again.state).toEqual(states[8]);
    await gbrt.close();
  });

  it('reads a prompt whose tokens are certain as the target reads its words', async () => {
    const gbrt = await open({ realism: 1, hardAfter: 0, steps: 1000 });
    const search = gbrt.search(problem);
    const ids = [12, 40, 3, 40];
    const values = new Float32Array(4 * model.vocabularySize);
    ids.forEach((id, s) => (values[s * model.vocabularySize + id] = 1e6));
    const state: SoftState = { step: 1, adam: startAdam(values) };
    const prompt = search.hardPrompt(state);
    expect(prompt).toMatchObject({ ids, survives: true });
    const { attack, improbability } = await search.step(state, streamKey(2, 'any'));
    expect(attack).toBeCloseTo(await search.lossOf(prompt), 4);
    const [scored] = await scoreCompletions(model, [{ prefix: model.tokenizer.encode('<'), completion: ids }]);
    expect(improbability).toBeCloseTo(-sumOf(scored ?? []) / ids.length, 4);
    await gbrt.close();
  });
});

describe('a judge', () => {
  const options: SoftJudgeOptions = {
    reads: 'reply',
    follows: 'harm',
    join: joinPlain,
    draws: 1,
    tokens: 2,
    map: null,
  };

  it('without a classifier is refused, and one of other tokens unless a map is given', async () => {
    const model = await openLanguageModel(device, goldenCheckpoint('llama-tied'));
    expect(() =>
      openSoftJudge(
        scriptedJudge(() => null),
        model,
        options,
      ),
    ).toThrow('no gradient that an attack could follow');
    const other = judgeOf({ ...judge, tokenizer: characterTokenizer(60) }, [1]);
    expect(() => openSoftJudge(other, model, options)).toThrow('reads other tokens than the target writes');
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-map-'));
    const mapOf = (text: object) => {
      writeFileSync(join(folder, 'map.json'), JSON.stringify(text));
      return readTokenMap(join(folder, 'map.json'));
    };
    expect(mapOf({ '3': 7, '*': 1 })(64, 5)).toEqual([1, 1, 1, 7, 1]);
    expect(() => openSoftJudge(other, model, { ...options, map: mapOf({ '*': 0 }) })).not.toThrow();
    for (const bad of [{ '3': 7 }, { '*': 64 }, { '*': 0, '64': 1 }, { '*': 0, x: 1 }])
      expect(() => openSoftJudge(other, model, { ...options, map: mapOf(bad) })).toThrow(
        'no map of the target’s tokens',
      );
    await model.close();
  });
});

it('Adam is torch.optim.Adam: steps of the learning rate at first, then by the moments', () => {
  const first = stepAdam(startAdam(Float32Array.of(1, 1)), Float32Array.of(0.5, -2), { step: 1, learningRate: 0.1 });
  expect([...first.values]).toEqual([expect.closeTo(0.9, 6), expect.closeTo(1.1, 6)]);
  // torch 2.15: Adam([1, 1], lr 0.1), gradients [0.5, −2], then [−1, 0].
  const second = stepAdam(first, Float32Array.of(-1, 0), { step: 2, learningRate: 0.1 });
  expect([...second.values]).toEqual([expect.closeTo(0.93661, 5), expect.closeTo(1.16701, 5)]);
});
