/** The plan of a run: what every stage will ask of the models, how long that takes by measured rates, and what it
 *  costs. */
import { type Amounts, spendingNames } from '../base/spending.js';
import type { Recipe } from '../recipe/recipe.js';
import { speakerKind } from '../speakers/options.js';
import { adversaryTotal } from '../speakers/work.js';
import type { RunData, RunFacts } from './runFacts.js';
import { stageSeconds, type StageSeconds } from './timeEstimate.js';
import { type StageWork, workloadOf } from './workload.js';

export interface PlannedStage {
  readonly work: StageWork;
  /** Assumes that every text fills its limit, and that no prompt draws a demonstration in place of a rollout. */
  readonly maxTokens: number;
  readonly seconds: StageSeconds | null;
}

/** Gives what a stage is expected to spend, under the names of the manifest and of limits. Judges' tokens are not known
 *  beforehand. */
export function expectedSpending({ work, seconds }: PlannedStage): Amounts {
  const { target, writer, reference } = work;
  const adversary = adversaryTotal(work);
  return roundAmounts({
    targetReplies: target.queries,
    targetTokensRead: target.contextTokens,
    targetTokensGenerated: target.generatedTokens,
    ...(work.targetTexts.queries === 0 ? {} : { targetEvaluations: work.targetTexts.queries }),
    ...(work.targetGradients.queries === 0 ? {} : { targetGradients: work.targetGradients.queries }),
    adversaryUtterances: adversary.queries,
    adversaryTokensRead: adversary.contextTokens,
    adversaryTokensGenerated: adversary.generatedTokens,
    writerReplies: writer?.work.queries ?? 0,
    writerTokensRead: writer?.work.contextTokens ?? 0,
    writerTokensGenerated: writer?.work.generatedTokens ?? 0,
    judgeTexts: work.judgeQueries,
    referenceEvaluations: reference.queries,
    ...(work.encoderTexts === 0 ? {} : { encoderTexts: work.encoderTexts }),
    optimizerSteps: work.optimizerSteps,
    ...(seconds === null ? {} : { seconds: seconds.total }),
  });
}

function roundAmounts(amounts: Amounts): Amounts {
  return Object.fromEntries(
    spendingNames.flatMap((name) => (amounts[name] === undefined ? [] : [[name, Math.round(amounts[name])]])),
  );
}

export interface PlannedRun {
  readonly prompts: { readonly train: number; readonly dev: number; readonly test: number };
  readonly stages: readonly PlannedStage[];
  readonly maxTokens: number;
  /** It is null when this machine was not measured. */
  readonly seconds: number | null;
  /** US dollars; null when a price is not known. */
  readonly price: number | null;
  readonly known: RunFacts;
}

export function planWork(recipe: Recipe, { prompts }: RunData, known: RunFacts): PlannedRun {
  const stages = workloadOf(recipe, known.facts).map((work): PlannedStage => ({
    work,
    maxTokens: mostTokens(recipe, work),
    seconds: known.rates === null ? null : stageSeconds(work, known.rates),
  }));
  const isTimed = stages.every((stage) => stage.seconds !== null);
  return {
    prompts: { train: prompts.train.length, dev: prompts.dev.length, test: prompts.test.length },
    stages,
    maxTokens: stages.reduce((sum, stage) => sum + stage.maxTokens, 0),
    seconds: isTimed ? stages.reduce((sum, stage) => sum + (stage.seconds?.total ?? 0), 0) : null,
    price: priceOf(
      recipe,
      stages.map(({ work }) => work),
    ),
    known,
  };
}

/** Assumes that every text fills its limit. */
function mostTokens({ adversary, target }: Recipe, work: StageWork): number {
  const most: NonNullable<StageWork['atMost']> = work.atMost ?? {
    adversary: work.adversary.queries,
    target: work.target.queries,
  };
  const said = speakerKind(adversary.model) === 'prompts' ? 0 : most.adversary * adversary.maxNewTokens;
  const saidByOthers = work.otherAdversaries.reduce(
    (sum, { speaker, work: { queries }, atMost = queries }) => sum + atMost * speaker.maxNewTokens,
    0,
  );
  return said + saidByOthers + (most.targetTokens ?? most.target * target.maxNewTokens);
}

/** US dollars for what remote speakers read and write, every request read whole; null when a price is not known. */
function priceOf(recipe: Recipe, stages: readonly StageWork[]): number | null {
  const spoken = stages.flatMap(({ target, adversary, otherAdversaries, writer }) => [
    { speaker: recipe.target, work: target },
    { speaker: recipe.adversary, work: adversary },
    ...otherAdversaries,
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
