/** `run --dry-run`: what a recipe would do and how long it would take, before any model is opened: prompts and texts
 *  are read and filtered, work is counted, rates come from `gadfly bench`. */
import { type Recipe, recipeSpeakers } from '../recipe/recipe.js';
import { speakerKind } from '../speakers/options.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { JsonObject } from '../base/json.js';
import { formatDuration } from '../base/quantities.js';
import { stageSeconds, type StageSeconds } from '../planning/timeEstimate.js';
import { type StageWork, workloadOf } from '../planning/workload.js';
import type { SpeakerWork } from '../speakers/work.js';
import type { CommandContext, CommandResult } from './command.js';
import { gatherFacts, type RunFacts } from './runFacts.js';
import { openPool, requireFiles, requireModels } from './runSetup.js';
import { formatTable } from '../render/terminal/table.js';

export interface PlannedStage {
  readonly work: StageWork;
  /** As if every text filled its limit, and no prompt drew a lesson in place of a rollout. */
  readonly maxTokens: number;
  readonly seconds: StageSeconds | null;
}

export interface PlannedRun {
  readonly prompts: { readonly train: number; readonly dev: number; readonly test: number };
  readonly stages: readonly PlannedStage[];
  readonly maxTokens: number;
  /** Null when nobody measured this machine. */
  readonly seconds: number | null;
  /** US dollars; null when a price is not known. */
  readonly price: number | null;
  readonly known: RunFacts;
}

/** @throws ConfigError when a file or model is missing */
export async function countRun(loaded: LoadedRecipe, context: CommandContext): Promise<PlannedRun> {
  requireFiles(loaded);
  requireModels(loaded);
  const { recipe } = loaded;
  const pool = openPool(loaded, context, null);
  try {
    const prompts = await pool.prompts();
    const known = await gatherFacts(loaded, pool, prompts, context);
    const stages = workloadOf(recipe, known.facts).map((work): PlannedStage => ({
      work,
      maxTokens: mostTokens(recipe, work),
      seconds: known.rates === null ? null : stageSeconds(work, known.rates),
    }));
    const counts = { train: prompts.train.length, dev: prompts.dev.length, test: prompts.test.length };
    const isTimed = stages.every((stage) => stage.seconds !== null);
    const seconds = isTimed ? stages.reduce((sum, stage) => sum + (stage.seconds?.total ?? 0), 0) : null;
    const price = priceOf(
      recipe,
      stages.map(({ work }) => work),
    );
    return {
      prompts: counts,
      stages,
      maxTokens: stages.reduce((sum, stage) => sum + stage.maxTokens, 0),
      seconds,
      price,
      known,
    };
  } finally {
    await pool.close();
  }
}

export async function planRun(loaded: LoadedRecipe, context: CommandContext): Promise<CommandResult> {
  const { recipe, configuration } = loaded;
  const { prompts, stages, maxTokens, seconds, price, known } = await countRun(loaded, context);
  const text = [
    `${recipe.name}, seed ${recipe.seed}: target ${recipe.target.model}, adversary ${recipe.adversary.model}, judge ${recipe.judge.model}`,
    `prompts after the filter: ${prompts.train} train, ${prompts.dev} dev, ${prompts.test} test`,
    '',
    countsTable(stages),
    '',
    tokensTable(stages),
    '',
    ...timeLines(recipe, known, seconds),
    ...(stages.some(({ work }) => work.pairs > 0)
      ? ['pairs, and what is trained, before ties and gaps under minGap are dropped']
      : []),
    ...known.notes,
    priceLine(price, recipe),
  ].join('\n');
  return {
    json: {
      dryRun: true,
      prompts,
      stages: stages.map(asJson),
      maxTokens,
      time: { seconds, missing: [...known.missing], notes: [...known.notes] },
      price,
      configuration,
    },
    text,
  };
}

/** As if every text filled its limit. */
function mostTokens({ adversary, target }: Recipe, work: StageWork): number {
  const most = work.atMost ?? { adversary: work.adversary.queries, target: work.target.queries };
  const said = speakerKind(adversary.model) === 'prompts' ? 0 : most.adversary * adversary.maxNewTokens;
  return said + most.target * target.maxNewTokens;
}

function countsTable(stages: readonly PlannedStage[]): string {
  const rows = stages.map(({ work, maxTokens }) => [
    work.stage,
    ...[work.target.queries, work.judgeQueries, work.pairs, work.optimizerSteps, maxTokens].map(shown),
  ]);
  return formatTable(
    ['stage', 'target queries', 'judge queries', 'pairs', 'steps', 'tokens at most'],
    rows,
    [1, 2, 3, 4, 5],
  );
}

function tokensTable(stages: readonly PlannedStage[]): string {
  const rows = stages.map(({ work: { stage, adversary, target, trainedTokens }, seconds }) => [
    stage,
    ...[
      adversary.contextTokens,
      adversary.generatedTokens,
      target.contextTokens,
      target.generatedTokens,
      trainedTokens,
    ].map(shown),
    seconds === null ? '–' : formatDuration(seconds.total),
  ]);
  return formatTable(
    ['tokens', 'adversary reads', 'says', 'target reads', 'says', 'trained', 'time'],
    rows,
    [1, 2, 3, 4, 5, 6],
  );
}

function timeLines({ limits }: Recipe, { missing, rates }: RunFacts, seconds: number | null): readonly string[] {
  if (rates === null && missing.length === 0) return ['no estimate of the time: a remote model answers when it does'];
  if (rates === null) return [`no estimate of the time: measure first, with \`${missing.join('` and `')}\``];
  if (seconds === null)
    return ['no estimate of the time: this machine could not train the adversary when it was measured'];
  const ends =
    limits.maxTime !== null && limits.maxTime < seconds
      ? `; limits.maxTime ends it after ${formatDuration(limits.maxTime)}`
      : '';
  return [
    `about ${formatDuration(seconds)} by the rates of \`gadfly bench\`, beside loading, judging and saving${ends}`,
  ];
}

function asJson({ work, maxTokens, seconds }: PlannedStage): JsonObject {
  const { stage, adversary, target, writer, reference, judgeQueries, pairs, trainedTokens, optimizerSteps } = work;
  return {
    stage,
    exchanges: Math.round(target.queries),
    maxTokens,
    steps: optimizerSteps,
    adversary: speakerJson(adversary),
    target: speakerJson(target),
    ...(writer === null ? {} : { writer: speakerJson(writer.work) }),
    reference: { queries: Math.round(reference.queries), readTokens: Math.round(reference.readTokens) },
    judgeQueries: Math.round(judgeQueries),
    pairs: Math.round(pairs),
    trainedTokens: Math.round(trainedTokens),
    optimizerSteps,
    seconds: seconds === null ? null : { ...seconds },
  };
}

function speakerJson({ queries, contextTokens, readTokens, generatedTokens }: SpeakerWork): JsonObject {
  const rounded = { queries, contextTokens, readTokens, generatedTokens };
  return Object.fromEntries(Object.entries(rounded).map(([name, count]) => [name, Math.round(count)]));
}

function shown(count: number): string {
  return Math.round(count).toLocaleString('en');
}

/** US dollars for what remote speakers read and write, every request read whole; null when a price is not known. */
function priceOf(recipe: Recipe, stages: readonly StageWork[]): number | null {
  const spoken = stages.flatMap(({ target, adversary, writer }) => [
    { speaker: recipe.target, work: target },
    { speaker: recipe.adversary, work: adversary },
    ...(writer === null ? [] : [writer]),
  ]);
  let sum = 0;
  for (const {
    speaker: { model, remote },
    work,
  } of spoken) {
    const kind = speakerKind(model);
    if (kind !== 'openai' && kind !== 'http') continue;
    const prices = remote?.prices ?? null;
    if (prices === null) return null;
    sum += (work.contextTokens * prices.input + work.generatedTokens * prices.output) / 1e6;
  }
  return sum;
}

function priceLine(price: number | null, recipe: Recipe): string {
  const asked = recipeSpeakers(recipe)
    .map(({ speaker }) => speaker.model)
    .filter((model) => ['openai', 'http'].includes(speakerKind(model)));
  const judged = recipe.judge.model.includes('openai:') ? ', beside the judge’s' : '';
  if (price === null) return 'price: unknown (give remote.prices: { input, output } in US dollars per million tokens)';
  return asked.length === 0
    ? `price: 0 (every speaker runs on this machine${judged})`
    : `price: about $${price.toPrecision(2)} for ${asked.join(' and ')}${judged}`;
}
