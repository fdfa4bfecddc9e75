/** What the stages of a recipe will ask of the models, counted before anything runs: queries, tokens read and
 *  generated, judge queries, pairs, optimizer steps. Pure arithmetic.
 *
 *  Counts that the recipe fixes (queries, judge queries) are exact without weak supervision, whose draws are counted by
 *  their probability. Tokens are as good as the lengths that are given. Pairs, what is trained on them, and steps are
 *  bounds: ties and gaps below `minGap` drop pairs, `patience` drops epochs. */
import { mendedNames, recipeStages, untunedRow } from '../recipe/recipe.js';
import type { EvaluateOptions, Recipe, RecipeStage } from '../recipe/recipe.js';
import type { IpoOptions } from '../attacks/ipo/options.js';
import type { SftOptions } from '../attacks/sft/options.js';
import type { SpeakerOptions } from '../speakers/options.js';
import { evaluatedAdversaries } from '../recipe/recipe.js';
import { mendWork } from '../mending/work.js';
import { formatOf } from '../speakers/speakerOptions.js';

/** Lengths in tokens of what one side reads and says. */
export interface SpeakerLengths {
  /** Of each prompt as this side reads it, uncut. */
  readonly prompts: {
    readonly train: readonly number[];
    readonly dev: readonly number[];
    readonly test: readonly number[];
  };
  /** An utterance, on average. */
  readonly utterance: number;
  /** Longer contexts lose their oldest tokens. */
  readonly maxContext: number;
}

/** The texts that a stage learns from. */
export interface TeachingLengths {
  readonly texts: number;
  /** What comes before them, on average: their own prefix, or the ordinary prompt that stands in. */
  readonly prefix: number;
  /** What is learnt, on average, cut as the stage cuts it. */
  readonly completion: number;
}

export interface WorkloadFacts {
  readonly adversary: SpeakerLengths;
  readonly target: SpeakerLengths;
  /** By the name of the stage. */
  readonly teaching: ReadonlyMap<string, TeachingLengths>;
}

/** One batch of utterances, or with no rows of texts that are only read, and how often one like it is made. */
export interface SpeakerCall {
  readonly times: number;
  readonly rows: number;
  /** Tokens given to the speaker, all rows. */
  readonly contextTokens: number;
  /** Of these, what is computed: beginnings that rows share once, and nothing that the speaker's turn before has read.
   */
  readonly readTokens: number;
  readonly newTokens: number;
}

export interface SpeakerWork {
  readonly queries: number;
  readonly contextTokens: number;
  readonly readTokens: number;
  readonly generatedTokens: number;
  readonly calls: readonly SpeakerCall[];
}

export interface StageWork {
  readonly stage: string;
  /** What speaks for the adversary: weights in training, or frozen ones. */
  readonly kind: 'exploit' | 'mend' | 'evaluate';
  readonly adversary: SpeakerWork;
  readonly target: SpeakerWork;
  /** Who answers in the target's place while it is mended, where the recipe names one; its time is not known. */
  readonly writer: { readonly speaker: SpeakerOptions; readonly work: SpeakerWork } | null;
  /** Completions whose reference log-probabilities the rollout did not give. */
  readonly reference: { readonly queries: number; readonly readTokens: number };
  /** Texts judged; filters of prompts and teaching texts are not counted. */
  readonly judgeQueries: number;
  readonly pairs: number;
  /** Tokens of pairs or texts that optimizer steps compute. */
  readonly trainedTokens: number;
  readonly optimizerSteps: number;
}

/** Verdicts of an exchange: reply, both together, utterance. */
const verdictsAnExchange = 3;

/** One entry a stage, in order; stages without their data are left out, as a run leaves them out. In a loop an entry is
 *  all rounds of it. */
export function workloadOf(recipe: Recipe, facts: WorkloadFacts): readonly StageWork[] {
  const rounds = recipe.loop?.rounds ?? 1;
  return recipeStages(recipe).map((stage) => {
    if (stage.kind === 'evaluate') return evaluateWork(recipe, stage.options, facts);
    if (stage.kind === 'mend')
      return inRounds(mendStageWork(recipe, stage, facts), recipe.loop === null ? 1 : rounds - 1);
    return inRounds(exploitWork(recipe, stage, facts), rounds);
  });
}

function exploitWork(
  recipe: Recipe,
  stage: Extract<RecipeStage, { kind: 'exploit' }>,
  facts: WorkloadFacts,
): StageWork {
  const teaching = facts.teaching.get(stage.name) ?? null;
  if (stage.options.attack === 'sft') return sftWork(stage.name, stage.options, teaching, facts.adversary);
  return ipoWork(recipe, stage.name, stage.options, teaching, facts);
}

function mendStageWork(
  recipe: Recipe,
  { name, options }: Extract<RecipeStage, { kind: 'mend' }>,
  facts: WorkloadFacts,
): StageWork {
  const {
    adversary: { utterance: a },
    target: side,
  } = facts;
  const horizon = Math.max(
    1,
    ...recipeStages(recipe).map((each) =>
      each.kind === 'exploit' && each.options.attack === 'ipo' ? each.options.horizon : 1,
    ),
  );
  const growth = a + ((horizon - 1) / 2) * (a + side.utterance);
  const context =
    typeof options.failures.data === 'string' || side.prompts.train.length === 0
      ? side.maxContext
      : contextLength(side, 'train', growth);
  const { replies, borrowed, written, ...work } = mendWork(options, { context, reply: side.utterance });
  const asked = ({
    times = 1,
    contexts,
    perContext,
  }: {
    readonly times?: number;
    readonly contexts: number;
    readonly perContext: number;
  }): SpeakerCall => ({
    times,
    rows: contexts * perContext,
    contextTokens: contexts * perContext * context,
    readTokens: contexts * context,
    newTokens: contexts * perContext * side.utterance,
  });
  const read = borrowed.contexts * (context + borrowed.perContext * side.utterance);
  const { writer } = options.candidates;
  return {
    ...nothing,
    ...work,
    stage: name,
    kind: 'mend',
    target: speakerWork([
      ...replies.map(asked),
      { times: 1, rows: 0, contextTokens: read, readTokens: read, newTokens: 0 },
    ]),
    writer: writer === null ? null : { speaker: writer, work: speakerWork([asked(written)]) },
  };
}

function inRounds(work: StageWork, rounds: number): StageWork {
  if (rounds === 1) return work;
  const times = (count: number): number => count * rounds;
  const speaker = ({ calls }: SpeakerWork): SpeakerWork =>
    speakerWork(calls.map((call) => ({ ...call, times: times(call.times) })));
  return {
    ...work,
    stage: `${work.stage} (${String(rounds)} rounds)`,
    adversary: speaker(work.adversary),
    target: speaker(work.target),
    writer: work.writer === null ? null : { ...work.writer, work: speaker(work.writer.work) },
    reference: { queries: times(work.reference.queries), readTokens: times(work.reference.readTokens) },
    judgeQueries: times(work.judgeQueries),
    pairs: times(work.pairs),
    trainedTokens: times(work.trainedTokens),
    optimizerSteps: times(work.optimizerSteps),
  };
}

/** How many rows an evaluation plays: adversaries by targets, or in a loop in every round the untuned adversary and all
 *  trained so far. */
function playedRows(recipe: Recipe, options: EvaluateOptions, adversaries: readonly string[]): number {
  if (recipe.loop === null) return adversaries.length * (options.targets?.length ?? 1 + mendedNames(recipe).length);
  const untuned = adversaries.filter((name) => name === untunedRow).length;
  const { rounds } = recipe.loop;
  return untuned * rounds + (adversaries.length - untuned) * ((rounds * (rounds + 1)) / 2);
}

function evaluateWork(recipe: Recipe, options: EvaluateOptions, facts: WorkloadFacts): StageWork {
  const rows = evaluatedAdversaries(recipe, options).map(({ adversary }) => adversary);
  const calls = linearCalls(facts, 'test', options.prompts, options.turns, playedRows(recipe, options, rows));
  const target = speakerWork(calls.target);
  return {
    ...nothing,
    stage: `evaluate (${rows.join(', ')})`,
    kind: 'evaluate',
    adversary: speakerWork(calls.adversary),
    target,
    judgeQueries: target.queries * verdictsAnExchange * (options.judges?.length ?? 1),
  };
}

function sftWork(
  stage: string,
  { epochs, batchSize, maxTexts }: SftOptions,
  teaching: TeachingLengths | null,
  side: SpeakerLengths,
): StageWork {
  if (teaching === null) return { ...nothing, stage, kind: 'exploit' };
  const texts = Math.min(teaching.texts, maxTexts ?? teaching.texts);
  const prefix = Math.min(teaching.prefix, side.maxContext);
  return {
    ...nothing,
    stage,
    kind: 'exploit',
    trainedTokens: epochs * texts * (prefix + readOf(teaching.completion)),
    optimizerSteps: epochs * Math.ceil(texts / batchSize),
  };
}

function ipoWork(
  recipe: Recipe,
  stage: string,
  options: IpoOptions,
  teaching: TeachingLengths | null,
  facts: WorkloadFacts,
): StageWork {
  const drawn = Math.min(options.promptsPerEpoch, facts.adversary.prompts.train.length);
  const evaluations = options.devEvery === 0 ? 0 : Math.ceil(options.epochs / options.devEvery);
  const parts = [
    ...epochKinds(options).map((kind) => epochsWork(recipe, options, kind, drawn, teaching, facts)),
    {
      ...noEpochs,
      ...linearCalls(facts, 'dev', options.devPrompts, options.horizon, evaluations),
    },
  ];
  const target = speakerWork(parts.flatMap((part) => part.target));
  return {
    ...nothing,
    stage,
    kind: 'exploit',
    target,
    adversary: speakerWork(parts.flatMap((part) => part.adversary)),
    reference: { queries: total(parts, 'referenceQueries'), readTokens: total(parts, 'referenceTokens') },
    judgeQueries: target.queries * verdictsAnExchange,
    pairs: total(parts, 'pairs'),
    trainedTokens: total(parts, 'trainedTokens'),
    optimizerSteps: total(parts, 'steps'),
  };
}

/** Epochs that draw alike: `teaches` is the chance that a prompt becomes a lesson. */
interface EpochKind {
  readonly epochs: number;
  readonly teaches: number;
}

function epochKinds({ epochs, weakSupervision }: IpoOptions): readonly EpochKind[] {
  if (weakSupervision === null) return [{ epochs, teaches: 0 }];
  const only = Math.min(epochs, weakSupervision.onlyEpochs);
  return [
    { epochs: only, teaches: 1 },
    { epochs: epochs - only, teaches: weakSupervision.probability },
  ].filter((kind) => kind.epochs > 0);
}

interface EpochsWork extends TurnCalls {
  readonly pairs: number;
  readonly trainedTokens: number;
  readonly steps: number;
  readonly referenceQueries: number;
  readonly referenceTokens: number;
}

interface TurnCalls {
  readonly adversary: readonly SpeakerCall[];
  readonly target: readonly SpeakerCall[];
}

const noEpochs = { pairs: 0, trainedTokens: 0, steps: 0, referenceQueries: 0, referenceTokens: 0 } as const;

function epochsWork(
  recipe: Recipe,
  options: IpoOptions,
  { epochs, teaches }: EpochKind,
  drawn: number,
  teaching: TeachingLengths | null,
  facts: WorkloadFacts,
): EpochsWork {
  const { horizon, candidates } = options;
  const width = Math.min(options.branch, candidates);
  const [lessons, rolled] = [drawn * teaches, drawn * (1 - teaches)];
  const [a, t] = [facts.adversary.utterance, facts.target.utterance];
  const [adversary, target]: [SpeakerCall[], SpeakerCall[]] = [[], []];
  let [pairs, trainedTokens, referenceQueries, referenceTokens] = [0, 0, 0, 0];
  const addPairs = (count: number, growth: number, both: number): void => {
    const prefix = contextLength(facts.adversary, 'train', growth);
    const computed = 2 * count * shareComputed(recipe, facts, growth + both / 2);
    pairs += count;
    trainedTokens += count * (prefix + both - 2);
    referenceQueries += computed;
    referenceTokens += (computed / 2) * (prefix + both);
  };
  for (let depth = 1; depth <= horizon; depth++) {
    const nodes = rolled * width ** (depth - 1);
    const growth = (depth - 1) * (a + t);
    const turn = { times: epochs, rows: nodes * candidates, set: 'train', isFirst: depth === 1 } as const;
    adversary.push(callOf(facts.adversary, { ...turn, contexts: nodes, growth, heard: t, newTokens: a }));
    target.push(
      callOf(facts.target, { ...turn, contexts: nodes, growth: growth + a, heard: candidates * a, newTokens: t }),
    );
    addPairs(nodes, growth, 2 * a);
  }
  const treePairs = rolled === 0 ? 0 : pairs / rolled;
  if (options.batches === 'trees') trainedTokens = Math.min(trainedTokens, treeTokens(rolled, pairs, facts));
  if (teaching !== null && lessons > 0) {
    const { prefix, completion } = teaching;
    const [asked, heard] = [
      Math.min(prefix, facts.adversary.maxContext),
      Math.min(prefix + (a + completion) / 2, facts.target.maxContext),
    ];
    adversary.push({
      times: epochs,
      rows: lessons,
      contextTokens: lessons * asked,
      readTokens: lessons * asked,
      newTokens: lessons * a,
    });
    target.push({
      times: epochs,
      rows: 2 * lessons,
      contextTokens: 2 * lessons * heard,
      readTokens: lessons * Math.min(2 * heard, prefix + a + completion),
      newTokens: 2 * lessons * t,
    });
    addPairs(lessons, 0, a + completion);
  }
  return {
    adversary,
    target,
    pairs: epochs * pairs,
    trainedTokens: epochs * trainedTokens,
    steps: epochs * stepsOf(options, { trees: rolled, treePairs, lessons: teaching === null ? 0 : lessons }),
    referenceQueries: epochs * referenceQueries,
    referenceTokens: epochs * referenceTokens,
  };
}

/** Optimizer steps of a pass in which no pair is dropped. */
function stepsOf(
  { batches, batchPairs }: IpoOptions,
  { trees, treePairs, lessons }: { readonly trees: number; readonly treePairs: number; readonly lessons: number },
): number {
  if (batches === 'mixed' || treePairs === 0) return Math.ceil((trees * treePairs + lessons) / batchPairs);
  // Trees are not cut where they fit; lessons fill what they leave.
  const stepsATree =
    treePairs > batchPairs ? Math.ceil(treePairs / batchPairs) : 1 / Math.floor(batchPairs / treePairs);
  const full = Math.ceil(trees * stepsATree);
  return Math.max(full, Math.ceil((trees * treePairs + lessons) / batchPairs));
}

/** Tokens of trees whose pairs share a row: the prompt once, two utterances a pair, and before every pair but the first
 *  a reply and the last token of the utterance it answers. */
function treeTokens(trees: number, pairs: number, { adversary, target }: WorkloadFacts): number {
  return (
    trees * contextLength(adversary, 'train', 0) +
    pairs * 2 * readOf(adversary.utterance) +
    (pairs - trees) * (target.utterance + 1)
  );
}

/** Share of completions that the target did not read as the reference must: other weights, another view of the
 *  dialogue, or a context that was cut elsewhere. */
function shareComputed({ reference, adversary, target }: Recipe, facts: WorkloadFacts, growth: number): number {
  const isTarget = (reference ?? adversary.model) === target.model && adversary.model === target.model;
  if (target.precision !== 'f32') return 1;
  if (!isTarget || formatOf(adversary) !== formatOf(target) || formatOf(target) === 'chat') return 1;
  const { prompts, maxContext } = facts.target;
  return prompts.train.length === 0
    ? 0
    : prompts.train.filter((length) => length + growth > maxContext).length / prompts.train.length;
}

/** Unpaired dialogues: a call a turn and side. */
function linearCalls(
  { adversary, target }: WorkloadFacts,
  set: 'dev' | 'test',
  atMost: number | null,
  turns: number,
  times: number,
): TurnCalls {
  const rows = Math.min(adversary.prompts[set].length, atMost ?? Infinity);
  const [a, t] = [adversary.utterance, target.utterance];
  const calls = (
    side: SpeakerLengths,
    of: { readonly before: number; readonly heard: number; readonly newTokens: number },
  ): readonly SpeakerCall[] =>
    Array.from({ length: turns }, (_, turn) =>
      callOf(side, {
        ...of,
        times,
        rows,
        contexts: rows,
        set,
        isFirst: turn === 0,
        growth: of.before + turn * (a + t),
      }),
    );
  return {
    adversary: calls(adversary, { before: 0, heard: t, newTokens: a }),
    target: calls(target, { before: a, heard: a, newTokens: t }),
  };
}

interface TurnShape {
  readonly times: number;
  readonly rows: number;
  /** Of which these many groups of rows share their dialogue, but for the last utterance. */
  readonly contexts: number;
  readonly set: 'train' | 'dev' | 'test';
  /** Whether the speaker has read nothing of these dialogues yet. */
  readonly isFirst: boolean;
  /** Tokens after the prompt, a row. */
  readonly growth: number;
  /** Tokens since the speaker's turn before, a group. */
  readonly heard: number;
  readonly newTokens: number;
}

/** Of a later turn only what was heard is read, and the last token of the turn before, which no one has read yet; but a
 *  dialogue that lost its beginning is read anew. */
function callOf(
  side: SpeakerLengths,
  { times, rows, contexts, set, isFirst, growth, heard, newTokens }: TurnShape,
): SpeakerCall {
  const prompts = side.prompts[set].slice(0, set === 'train' ? undefined : rows);
  const context = contextLength(side, set, growth, prompts.length);
  const perRow = contexts === 0 ? 1 : rows / contexts;
  const own = growth === 0 || !isFirst ? 0 : heard; // A target hears an utterance before its first turn.
  const read = mean(
    prompts.map((length) => {
      if (length + growth > side.maxContext) return growth === 0 ? side.maxContext : perRow * side.maxContext;
      return isFirst ? length + own : 1 + heard;
    }),
  );
  return { times, rows, contextTokens: rows * context, readTokens: contexts * read, newTokens: rows * newTokens };
}

/** Mean over the first `count` prompts, each cut to what the side may read. */
function contextLength(
  { prompts, maxContext }: SpeakerLengths,
  set: 'train' | 'dev' | 'test',
  growth: number,
  count?: number,
): number {
  return mean(prompts[set].slice(0, count).map((length) => Math.min(length + growth, maxContext)));
}

function speakerWork(calls: readonly SpeakerCall[]): SpeakerWork {
  const made = calls.filter(({ times, rows, readTokens }) => times > 0 && (rows > 0 || readTokens > 0));
  const sum = (of: (call: SpeakerCall) => number): number =>
    made.reduce((before, call) => before + call.times * of(call), 0);
  return {
    queries: sum(({ rows }) => rows),
    contextTokens: sum(({ contextTokens }) => contextTokens),
    readTokens: sum(({ readTokens }) => readTokens),
    generatedTokens: sum(({ newTokens }) => newTokens),
    calls: made,
  };
}

const nothing = {
  adversary: speakerWork([]),
  target: speakerWork([]),
  writer: null,
  reference: { queries: 0, readTokens: 0 },
  judgeQueries: 0,
  pairs: 0,
  trainedTokens: 0,
  optimizerSteps: 0,
} as const;

/** The last token of a completion is predicted, but never read. */
function readOf(completion: number): number {
  return Math.max(0, completion - 1);
}

function total(parts: readonly EpochsWork[], key: keyof typeof noEpochs): number {
  return parts.reduce((sum, part) => sum + part[key], 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
