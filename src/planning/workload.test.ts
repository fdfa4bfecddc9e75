import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyRecipe, tinyContext, type TinyFiles, writeTinyFiles } from '../../tests/fakes/tinyPool.js';
import { countingJudge, freshFolder, openTinyRun } from '../../tests/fakes/tinyRuns.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { runStages } from '../stages/runStages.js';
import { adversaryTotal } from '../speakers/work.js';
import { type WorkloadFacts, workloadOf } from './workload.js';

const prompts = { train: [10, 20, 30], dev: [8, 12], test: [5, 7, 9, 11] };
const facts: WorkloadFacts = {
  adversary: { prompts, utterance: 4, maxContext: 1000 },
  target: { prompts, utterance: 6, maxContext: 1000 },
  demonstrations: new Map([
    ['ipo', { texts: 5, prefix: 20, completion: 8 }],
    ['sft', { texts: 10, prefix: 20, completion: 8 }],
  ]),
  lists: new Map(),
  otherAdversaries: new Map(),
};
const ipo = {
  attack: 'ipo',
  horizon: 2,
  candidates: 3,
  branch: 2,
  epochs: 2,
  promptsPerEpoch: 2,
  batchPairs: 4,
  batches: 'mixed',
  devEvery: 0,
};

const only = (stages: readonly unknown[], given = facts, changes = {}) => {
  const [work, ...more] = workloadOf(tinyRecipe(stages, changes), given);
  expect(more).toEqual([]);
  if (work === undefined) throw new Error('a stage');
  return work;
};

describe('the workload of a recipe', () => {
  it('counts every row of an evaluation by its own adversary; a list of prompts is read from, not asked', () => {
    const visitor = { prompts: { ...prompts, test: [15, 17, 19, 21] }, utterance: 4, maxContext: 1000 };
    const asks = { ...visitor, utterance: 9 };
    const given = {
      ...facts,
      otherAdversaries: new Map([
        ['visitor', visitor],
        ['asks', asks],
      ]),
    };
    const adversaries = { visitor: { temperature: 0.5 }, asks: { model: 'prompts:asks.json' } };
    const evaluate = { adversaries, turns: 2, rows: ['untuned', 'visitor', 'asks'] };
    const work = only([{ evaluate }], given);
    // 3 rows × 4 prompts × 2 turns; the visitor reads ten tokens more per prompt than the untuned adversary.
    expect(work.target.queries).toBe(24);
    expect(work.judgeQueries).toBe(3 * 24);
    expect(work.adversary.queries).toBe(8);
    expect(work.otherAdversaries.map(({ work: { queries, contextTokens } }) => ({ queries, contextTokens }))).toEqual([
      { queries: 8, contextTokens: work.adversary.contextTokens + 8 * 10 },
      { queries: 0, contextTokens: 0 },
    ]);
    expect(adversaryTotal(work).queries).toBe(16);
    // The target hears 9 tokens per ask in the place of 4: once in the first turn, twice in the second.
    const own = only([{ evaluate: { turns: 2, rows: ['untuned'] } }]);
    expect(work.target.contextTokens).toBe(3 * own.target.contextTokens + 4 * 3 * 5);
    const dense = { reward: { reply: 2, targetText: 0.3 }, targetTexts: ['a {{target}}', '{{target}}'] };
    expect(only([{ evaluate: { ...evaluate, ...dense } }], given).targetTexts.queries).toBe(2 * 24);
  });

  it('counts draws of the target and the samples that it reads again to embed them', () => {
    const options = { samples: 600, maxNewTokens: 30 };
    const work = only([{ explore: options }]);
    expect(work.target).toMatchObject({ queries: 600, contextTokens: 600, generatedTokens: 600 * 30 });
    expect(work.target.calls.map(({ times, rows }) => [times, rows])).toEqual([
      [2, 256],
      [1, 88],
    ]);
    expect(work.targetTexts).toEqual({ queries: 600, readTokens: 600 * 30 });
    expect(work.atMost).toEqual({ adversary: 0, target: 2400, targetTokens: 2400 * 30 });
    // Prompts of 10, 20 and 30 tokens are answered in turn; another model reads the samples.
    const replies = only([{ explore: { ...options, from: 'prompts', embed: { model: 'another' }, maxDraws: 700 } }]);
    expect(replies.target.contextTokens).toBe(600 * 20);
    expect(replies.targetTexts.queries).toBe(0);
    expect(replies.atMost?.target).toBe(700);
    // 200 dialogues of 3 exchanges after 3 prompts: 66 times all of them, and two more.
    const dialogues = only([{ explore: { ...options, from: 'dialogues', turns: 3 } }]);
    expect([dialogues.adversary.queries, dialogues.target.queries]).toEqual([600, 600]);
    expect(dialogues.target.generatedTokens).toBe(600 * 30);
    expect(dialogues.atMost?.adversary).toBe(2400);
  });

  it('counts the texts that tell a topic, and those that the user adds to the samples', () => {
    const options = { samples: 600, maxNewTokens: 30, add: 'own.txt' };
    const lists = new Map([
      ['own.txt', { texts: 7, tokens: 70 }],
      ['tea.txt', { texts: 5, tokens: 40 }],
    ]);
    const judged = only([{ explore: { ...options, topic: { judge: 'letters' } } }], { ...facts, lists });
    expect(judged.judgeQueries).toBe(600);
    expect(judged.targetTexts).toEqual({ queries: 607, readTokens: 600 * 30 + 70 });
    const near = only([{ explore: { ...options, topic: { examples: 'tea.txt', atLeast: 0.5 } } }], { ...facts, lists });
    expect(near.judgeQueries).toBe(0);
    expect(near.targetTexts).toEqual({ queries: 2 * 600 + 7 + 5, readTokens: 2 * 600 * 30 + 70 + 40 });
  });

  it('counts every two siblings as a pair where an attack trains on all, and each utterance once', () => {
    const work = only([{ exploit: { ...ipo, attack: 'ctb', branch: 1 } }]);
    // 2 epochs × 2 prompts × 2 nodes of 3 candidates: 3 pairs a node, 4 pairs a step.
    expect(work.target.queries).toBe(24);
    expect(work.pairs).toBe(24);
    expect(work.optimizerSteps).toBe(6);
    // At each node three utterances of 4, the last token of each read by none, after 20 and 30 tokens.
    expect(work.trainedTokens).toBe(4 * (20 + 9) + 4 * (30 + 9));
  });

  it('counts what the target reads again to tell how close utterances lie', () => {
    const work = only([{ exploit: { ...ipo, attack: 'ctb', branch: 1, diversity: {} } }]);
    // 24 utterances of 4 tokens, after a start token.
    expect(work.targetTexts).toEqual({ queries: 24, readTokens: 24 * 5 });
  });

  it('counts each utterance once a pass, and no pairs, where an attack trains on rewards alone', () => {
    const { batchPairs: _, batches: __, ...options } = ipo;
    const work = only([{ exploit: { ...options, attack: 'rloo', branch: 1, batchSize: 6, passes: 2 } }]);
    // 2 epochs × 2 prompts × 2 nodes of 3 candidates; a tree is a batch, and every epoch makes two passes.
    expect(work.target.queries).toBe(24);
    expect(work.pairs).toBe(0);
    expect(work.optimizerSteps).toBe(2 * 2 * 2);
    // A tree, twice in each of 2 epochs: the prompt, 2 nodes of 3 × 3, and before the second a reply and the token before it.
    expect(work.trainedTokens).toBe(2 * 4 * (20 + 18 + 7));
  });

  it('counts dialogues without siblings, and what the adversary reads again for values, where it trains by PPO', () => {
    const { batchPairs: _, batches: __, candidates: ___, branch: ____, ...options } = ipo;
    const work = only([{ exploit: { ...options, attack: 'ppo', dialoguesPerPrompt: 3, batchSize: 4, passes: 2 } }]);
    // 2 epochs × 2 prompts × 3 dialogues of 2 exchanges; two dialogues are a batch.
    expect(work.adversary.queries).toBe(24);
    expect(work.target.queries).toBe(24);
    expect(work.pairs).toBe(0);
    expect(work.optimizerSteps).toBe(2 * 2 * 3);
    // A dialogue: the prompt, two utterances of 3, and before the second a reply and the token before it.
    const dialogues = 2 * 6 * (20 + 6 + 7);
    expect(work.trainedTokens).toBe(2 * dialogues);
    const rolled = only([{ exploit: { ...options, attack: 'rloo', branch: 1, candidates: 3, batchSize: 4 } }]);
    expect(work.adversary.generatedTokens).toBe(rolled.adversary.generatedTokens);
    expect(work.adversary.calls.filter(({ rows }) => rows === 0)).toEqual([
      { times: 2, rows: 0, contexts: 0, contextTokens: 0, newTokens: 0, readTokens: dialogues / 2 },
    ]);
  });

  it('counts a tree: 1 + 2 nodes of 3 candidates a prompt, every text read after the dialogue before it', () => {
    const work = only([{ exploit: ipo }]);
    // 2 epochs × 2 prompts × (1 + 2) nodes × 3 candidates.
    expect(work.adversary.queries).toBe(36);
    expect(work.target.queries).toBe(36);
    expect(work.judgeQueries).toBe(3 * 36);
    expect(work.adversary.generatedTokens).toBe(36 * 4);
    expect(work.target.generatedTokens).toBe(36 * 6);
    // Depth 1: 12 contexts of 20 on average; depth 2: 24 after an exchange of 4 + 6. The target's have the utterance,
    // 4, as well.
    expect(work.adversary.contextTokens).toBe(12 * 20 + 24 * 30);
    expect(work.target.contextTokens).toBe(12 * 24 + 24 * 34);
    // Computed, 2 epochs × 2 prompts: the prompt once, then at each of 2 nodes the reply, 6, and the last token of what
    // it said itself; the target 3 utterances of 4 at each node.
    expect(work.adversary.readTokens).toBe(4 * 20 + 4 * 2 * 7);
    expect(work.target.readTokens).toBe(4 * 32 + 4 * 2 * 13);
    // A pair a node; 6 pairs an epoch in batches of 4. The last token of a completion is predicted, not read.
    expect(work.pairs).toBe(12);
    expect(work.optimizerSteps).toBe(4);
    expect(work.trainedTokens).toBe(4 * (20 + 6) + 8 * (30 + 6));
    expect(work.reference).toEqual({ queries: 0, readTokens: 0 });
    expect(work.adversary.calls.map(({ times, rows }) => [times, rows])).toEqual([
      [2, 6],
      [2, 12],
    ]);
  });

  it('trains the history of a tree once where its pairs come together', () => {
    const work = only([{ exploit: { ...ipo, batches: 'trees' } }]);
    // 2 epochs × 2 trees: the prompt, 3 pairs of 2 × 3, and before 2 of them a reply of 6 and the token before it.
    expect(work.trainedTokens).toBe(4 * (20 + 18 + 2 * 7));
    expect(work.pairs).toBe(12);
  });

  it('adds dev evaluations: one every devEvery epochs and one at the end', () => {
    const work = only([{ exploit: { ...ipo, epochs: 5, devEvery: 2, devPrompts: 9 } }]);
    // 5 × 18 of the trees, and 3 evaluations × 2 dev prompts × 2 turns.
    expect(work.target.queries).toBe(90 + 12);
    expect(work.judgeQueries).toBe(3 * 102);
  });

  it('counts demonstrations by their chance: an utterance, two answers and a pair each, in place of a tree', () => {
    const weakSupervision = { data: 'toxic.jsonl', probability: 0.25, onlyEpochs: 1 };
    const work = only([{ exploit: { ...ipo, epochs: 3, weakSupervision } }]);
    // Epoch 1: 2 demonstrations. Epochs 2 and 3: half a demonstration and 1.5 trees of 9 exchanges.
    expect(work.adversary.queries).toBe(2 + 2 * (0.5 + 13.5));
    expect(work.target.queries).toBe(4 + 2 * (1 + 13.5));
    expect(work.pairs).toBe(2 + 2 * (0.5 + 4.5));
    expect(work.optimizerSteps).toBe(1 + 2 * 2);
  });

  it('cuts contexts to what a side may read, and computes the reference where the target read another context', () => {
    const short = { ...facts.target, maxContext: 25 };
    const work = only([{ exploit: { ...ipo, horizon: 1 } }], { ...facts, target: short });
    // Contexts of 14, 24 and 34 tokens: the last is cut to 25, and its two completions in four are read again.
    expect(work.target.contextTokens).toBeCloseTo(12 * 21);
    // What is cut shares nothing: 3 candidates of 25; the others share their prompts.
    expect(work.target.readTokens).toBeCloseTo((4 * (22 + 32 + 75)) / 3);
    expect(work.reference.queries).toBeCloseTo((2 * 4) / 3);
    expect(only([{ exploit: { ...ipo, horizon: 1 } }], facts, { reference: 'another' }).reference.queries).toBe(8);
  });

  it('counts an evaluation by rows, prompts, turns and judges, and supervised steps by texts', () => {
    const stages = [
      { exploit: { attack: 'sft', data: 'toxic.jsonl', epochs: 3, batchSize: 4 } },
      { evaluate: { turns: 2, prompts: 3, judges: ['letters', 'others'] } },
    ];
    const [sft, evaluate] = workloadOf(tinyRecipe(stages), facts);
    expect(sft).toMatchObject({ optimizerSteps: 9, trainedTokens: 3 * 10 * 27, target: { queries: 0 } });
    // Prompts of 5, 7 and 9 tokens; a second turn follows an exchange of 10, of which the reply and one token more are
    // read.
    const adversary = { queries: 12, contextTokens: 2 * 3 * (7 + 17), readTokens: 2 * 3 * (7 + 7) };
    expect(evaluate).toMatchObject({
      stage: 'evaluate (untuned, sft)',
      judgeQueries: 2 * 3 * 12,
      adversary,
      optimizerSteps: 0,
    });
    expect(evaluate?.target.readTokens).toBe(2 * 3 * (11 + 5));
  });

  it('counts a mend stage at most: as if as many dialogues failed as it takes, and each gave a pair; in a loop once for all rounds but the last', () => {
    const candidates = {
      samples: 2,
      temperatures: [1, 1.5],
      borrow: { max: 100, keep: 3 },
      writer: { model: 'another' },
    };
    const mend = {
      failures: { max: 8 },
      ordinary: { max: 16 },
      holdOut: 0.25,
      candidates,
      train: [{ loss: 'adpo', epochs: 2, batchPairs: 4 }],
      measures: { prompts: 3 },
    };
    const stages = [{ exploit: ipo }, { mend }, { evaluate: {} }];
    const [, work] = workloadOf(tinyRecipe(stages), facts);
    if (work === undefined) throw new Error('a mend stage');
    // 8 dialogues × 2 replies × 2 temperatures, with the token and without; 3 models answer what is held out: 2
    // failures, 3 of 4 ordinary ones.
    expect(work.target.queries).toBe(64 + 15);
    // Each of these, the recorded failures, and as replies to each dialogue 3 borrowed and 2 written.
    expect(work.judgeQueries).toBe(64 + 15 + 8 + 8 * 5);
    expect(work.writer?.work.queries).toBe(16);
    expect(work.writer?.work.generatedTokens).toBe(16 * 6);
    // A dialogue: a prompt of 20, on average half an exchange of 10, an utterance of 4. Of 16 ordinary replies 12 are
    // trained on, and those are borrowed.
    const context = 20 + 5 + 4;
    const answered = 4 * 8 + 3 * 5;
    expect(work.target.readTokens).toBe(answered * context + 8 * (context + 12 * 6));
    expect(work.pairs).toBe(2 * 6);
    expect(work.optimizerSteps).toBe(2 * 2 + 2 * 2);

    const inLoop = workloadOf(tinyRecipe(stages, { loop: { rounds: 3 } }), facts)[1];
    expect(inLoop?.judgeQueries).toBe(2 * work.judgeQueries);
    expect(inLoop?.writer?.work.queries).toBe(2 * 16);
  });

  it('leaves out stages without data, and their rows', () => {
    const stages = [{ exploit: { attack: 'sft', data: null } }, { evaluate: { rows: ['untuned', 'sft'], turns: 1 } }];
    expect(only(stages)).toMatchObject({ stage: 'evaluate (untuned)', target: { queries: 4 } });
  });
});

describe('against a run', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  it('queries, judged texts, nodes and steps are what the run counts; tokens are, where every text fills its limit', async () => {
    const attack = { ...ipo, devEvery: 1, devPrompts: 3, promptsPerEpoch: 3 };
    const stages = [{ exploit: attack }, { evaluate: { turns: 2, judges: ['letters'] } }];
    // No text ends early: an end token may not be drawn before the limit.
    const speaker = {
      model: 'tiny',
      format: 'plain',
      maxNewTokens: 6,
      minNewTokens: 6,
      temperature: 1,
      topP: 1,
      repetitionPenalty: 1,
    };
    const recipe = tinyRecipe(stages, { target: speaker, adversary: speaker });
    const judge = countingJudge();
    const run = openTinyRun(recipe, freshFolder());
    const context = tinyContext(files, recipe, run, { judge });
    await runStages(context);
    const trained = run.completed('exploit:ipo');
    const evaluated = run.completed('evaluate:ipo');
    run.close('done');

    const sets = await context.pool.prompts();
    const bytes = (set: 'train' | 'dev' | 'test'): number[] => sets[set].map(({ text }) => Buffer.byteLength(text));
    const side = {
      prompts: { train: bytes('train'), dev: bytes('dev'), test: bytes('test') },
      utterance: 6,
      maxContext: 250,
    };
    const [work, evaluation] = workloadOf(recipe, { ...facts, adversary: side, target: side });
    if (work === undefined || evaluation === undefined) throw new Error('two stages');

    const { adversary, target, steps, reference } = trained as unknown as Trained;
    expect(adversary).toMatchObject({
      queries: work.adversary.queries,
      generatedTokens: work.adversary.generatedTokens,
    });
    expect(target).toMatchObject({ queries: work.target.queries, generatedTokens: work.target.generatedTokens });
    // Which train prompts are drawn is left to the seed; these differ by a few bytes.
    expect(Math.abs(adversary.contextTokens / work.adversary.contextTokens - 1)).toBeLessThan(0.05);
    expect(Math.abs(target.contextTokens / work.target.contextTokens - 1)).toBeLessThan(0.05);
    expect(steps).toBe(work.optimizerSteps);
    expect(reference.computed).toBe(work.reference.queries);
    expect(judge.texts()).toBe(work.judgeQueries + evaluation.judgeQueries);
    // Two rows, of which this is one; no prompt is left to chance.
    const { queries, contextTokens } = evaluation.adversary;
    expect((evaluated as unknown as Trained).adversary).toMatchObject({
      queries: queries / 2,
      contextTokens: contextTokens / 2,
    });
  });
});

interface Trained {
  readonly adversary: Counts;
  readonly target: Counts;
  readonly steps: number;
  readonly reference: { readonly computed: number };
}

interface Counts {
  readonly queries: number;
  readonly contextTokens: number;
  readonly generatedTokens: number;
}
