/** `run --dry-run`: what a recipe would do and how long it would take, before any model is opened: prompts and texts
 *  are read and filtered, work is counted, rates come from `gadfly bench`. */
import { availableParallelism } from 'node:os';
import { type Recipe, recipeSpeakers } from '../recipe/recipe.js';
import { speakerKind } from '../speakers/options.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { JsonObject } from '../base/json.js';
import { formatDuration } from '../base/quantities.js';
import { expectedSpending, type PlannedRun, type PlannedStage, planWork } from '../planning/plan.js';
import { gatherFacts, modelHere, type PlanningMachine, type RunFacts } from '../planning/runFacts.js';
import { adversaryTotal, type SpeakerWork } from '../speakers/work.js';
import type { CommandContext, CommandResult } from './command.js';
import { cacheFolder } from './modelCache.js';
import { requireFiles, requireModels, requireStartTokens } from '../stages/runInputs.js';
import { openPool } from './poolSettings.js';
import { formatTable } from '../render/terminal/table.js';

/** @throws ConfigError when a file or model is missing */
export async function countRun(loaded: LoadedRecipe, context: CommandContext): Promise<PlannedRun> {
  requireFiles(loaded);
  requireModels(loaded);
  const machine = machineOf(context);
  await requireStartTokens(loaded.recipe, (modelId) => modelHere(modelId, loaded, machine));
  const pool = openPool(loaded, context);
  try {
    const { toxicContinuations, promptList } = pool;
    const data = { prompts: await pool.prompts(), toxicContinuations, promptList };
    return planWork(loaded.recipe, data, await gatherFacts(loaded, data, machine));
  } finally {
    await pool.close();
  }
}

function machineOf({ globals, terminal: { environment } }: CommandContext): PlanningMachine {
  const { threads, device, cache } = globals;
  return {
    threads: threads ?? availableParallelism(),
    device,
    cacheDir: cacheFolder(globals, environment),
    environment,
    benchFlags: [
      ...(threads === null ? [] : [`--threads ${threads}`]),
      ...(device === 'cpu' ? [] : [`--device ${device}`]),
      ...(cache === null ? [] : [`--cache ${cache}`]),
    ],
  };
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
    ...stages.flatMap(passesLine),
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
  const rows = stages.map(({ work, seconds }) => {
    const { stage, target, trainedTokens } = work;
    const adversary = adversaryTotal(work);
    return [
      stage,
      ...[
        adversary.contextTokens,
        adversary.generatedTokens,
        target.contextTokens,
        target.generatedTokens,
        trainedTokens,
      ].map(shown),
      seconds === null ? '–' : formatDuration(seconds.total),
    ];
  });
  return formatTable(
    ['tokens', 'adversary reads', 'says', 'target reads', 'says', 'trained', 'time'],
    rows,
    [1, 2, 3, 4, 5, 6],
  );
}

/** Says what the target's model is asked beside replies; nothing where it is asked for none. */
function passesLine({ work: { stage, targetTexts, targetGradients } }: PlannedStage): readonly string[] {
  const passes = [
    ...(targetTexts.queries === 0 ? [] : [`${shown(targetTexts.queries)} target evaluations`]),
    ...(targetGradients.queries === 0 ? [] : [`${shown(targetGradients.queries)} target gradients`]),
  ];
  return passes.length === 0 ? [] : [`${stage}: ${passes.join(', ')}`];
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

function asJson(planned: PlannedStage): JsonObject {
  const { work, maxTokens, seconds } = planned;
  const { stage, target, writer, reference, judgeQueries, pairs, trainedTokens, optimizerSteps } = work;
  return {
    stage,
    exchanges: Math.round(target.queries),
    maxTokens,
    steps: optimizerSteps,
    adversary: speakerJson(adversaryTotal(work)),
    target: speakerJson(target),
    ...(writer === null ? {} : { writer: speakerJson(writer.work) }),
    reference: { queries: Math.round(reference.queries), readTokens: Math.round(reference.readTokens) },
    judgeQueries: Math.round(judgeQueries),
    pairs: Math.round(pairs),
    trainedTokens: Math.round(trainedTokens),
    optimizerSteps,
    seconds: seconds === null ? null : { ...seconds },
    spending: { ...expectedSpending(planned) },
  };
}

function speakerJson({ queries, contextTokens, readTokens, generatedTokens }: SpeakerWork): JsonObject {
  const rounded = { queries, contextTokens, readTokens, generatedTokens };
  return Object.fromEntries(Object.entries(rounded).map(([name, count]) => [name, Math.round(count)]));
}

function shown(count: number): string {
  return Math.round(count).toLocaleString('en');
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
