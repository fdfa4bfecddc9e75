/** `run --dry-run`: what a recipe would do, counted before anything is opened but its prompts. */
import { recipeStages, untunedRow } from '../runs/recipe.js';
import type { IpoOptions, Recipe } from '../runs/recipe.js';
import type { LoadedRecipe } from '../runs/readRecipe.js';
import type { JsonObject } from '../runs/json.js';
import type { CommandContext, CommandResult } from './command.js';
import { openWorkshop, requireFiles, requireModels } from './runSetup.js';
import { formatTable } from './table.js';

export interface StagePlan {
  readonly stage: string;
  /** Utterance and reply, each once. */
  readonly exchanges: number;
  /** At most: as if every text filled its limit. */
  readonly maxTokens: number;
  readonly steps: number;
}

export async function planRun(loaded: LoadedRecipe, context: CommandContext): Promise<CommandResult> {
  requireFiles(loaded);
  requireModels(loaded);
  const { recipe, configuration } = loaded;
  const workshop = openWorkshop(loaded, context);
  try {
    const { train, dev, test } = await workshop.prompts();
    const counts = { train: train.length, dev: dev.length, test: test.length };
    const stages = planStages(recipe, counts);
    const total = stages.reduce((sum, { maxTokens }) => sum + maxTokens, 0);
    const rows = stages.map(({ stage, exchanges, maxTokens, steps }) => [stage, exchanges.toLocaleString('en'), maxTokens.toLocaleString('en'), steps.toLocaleString('en')]);
    const text = [
      `${recipe.name}, seed ${recipe.seed}: target ${recipe.target.model}, adversary ${recipe.adversary.model}, judge ${recipe.judge.model}`,
      `prompts after the filter: ${train.length} train, ${dev.length} dev, ${test.length} test`,
      '',
      formatTable(['stage', 'exchanges', 'tokens at most', 'steps at most'], rows, [1, 2, 3]),
      '',
      'price: 0 (every model runs on this machine)',
    ].join('\n');
    return { json: { dryRun: true, prompts: counts, stages: stages as unknown as readonly JsonObject[], maxTokens: total, price: 0, configuration }, text };
  } finally {
    await workshop.close();
  }
}

/** Upper bounds; teaching pairs count as one exchange a side. */
export function planStages(recipe: Recipe, prompts: { readonly train: number; readonly dev: number; readonly test: number }): readonly StagePlan[] {
  const tokensAnExchange = recipe.adversary.maxNewTokens + recipe.target.maxNewTokens;
  const attacks = recipeStages(recipe).filter(({ kind }) => kind === 'exploit').length;
  return recipeStages(recipe).map((stage): StagePlan => {
    if (stage.kind === 'evaluate') {
      const used = Math.min(prompts.test, stage.options.prompts ?? prompts.test);
      const exchanges = (stage.options.rows?.length ?? attacks + 1) * used * stage.options.turns;
      return { stage: `evaluate (${stage.options.rows?.join(', ') ?? `${untunedRow} and ${attacks} more`})`, exchanges, maxTokens: exchanges * tokensAnExchange, steps: 0 };
    }
    const { options, name } = stage;
    if (options.attack === 'sft') {
      const texts = options.maxTexts ?? 0;
      return { stage: name, exchanges: 0, maxTokens: 0, steps: options.epochs * Math.ceil(texts / options.batchSize) };
    }
    const exchanges = ipoExchanges(options, prompts);
    const pairs = options.promptsPerEpoch * pairsOfTree(options);
    return { stage: name, exchanges, maxTokens: exchanges * tokensAnExchange, steps: options.epochs * Math.ceil(pairs / options.batchPairs) };
  });
}

function ipoExchanges(options: IpoOptions, prompts: { readonly train: number; readonly dev: number }): number {
  const rollouts = options.epochs * Math.min(options.promptsPerEpoch, prompts.train) * pairsOfTree(options) * options.candidates;
  const evaluations = options.devEvery === 0 ? 0 : Math.ceil(options.epochs / options.devEvery);
  return rollouts + evaluations * Math.min(options.devPrompts, prompts.dev) * options.horizon;
}

/** Nodes with candidates: 1 + branch + branch² + …, a pair at each. */
function pairsOfTree({ horizon, branch, candidates }: IpoOptions): number {
  const width = Math.min(branch, candidates);
  return Array.from({ length: horizon }, (_, depth) => width ** depth).reduce((sum, nodes) => sum + nodes, 0);
}
