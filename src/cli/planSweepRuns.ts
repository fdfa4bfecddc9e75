/** `run --dry-run` of a sweep: what each point would do, and the sum over all. */
import { formatDuration } from '../base/quantities.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { CommandContext, CommandResult } from './command.js';
import type { PlannedRun } from '../planning/plan.js';
import { countRun } from './planRun.js';
import { formatTable } from '../render/terminal/table.js';

export async function planSweepRuns(
  recipes: ReadonlyMap<string, LoadedRecipe>,
  context: CommandContext,
): Promise<CommandResult> {
  const points: { readonly name: string; readonly planned: PlannedRun }[] = [];
  for (const [name, loaded] of recipes) {
    context.progress.update({ task: 'counting', done: points.length, total: recipes.size, unit: 'points' });
    points.push({ name, planned: await countRun(loaded, context) });
  }
  context.progress.stop();
  const rows = points.map(({ name, planned }) => ({ name, ...totalsOf(planned) }));
  const sum = rows.map(({ name, ...totals }) => totals).reduce(add);
  const row = (name: string, { targetQueries, judgeQueries, steps, maxTokens, seconds }: Totals): readonly string[] => [
    name,
    ...[targetQueries, judgeQueries, steps, maxTokens].map((amount) => Math.round(amount).toLocaleString('en')),
    seconds === null ? '–' : formatDuration(seconds),
  ];
  const missing = [...new Set(points.flatMap(({ planned }) => [...planned.known.missing]))];
  const notes = [...new Set(points.flatMap(({ planned }) => [...planned.known.notes]))];
  const count = `${rows.length} point${rows.length === 1 ? '' : 's'}`;
  return {
    json: {
      dryRun: true,
      points: rows.map((each) => ({ ...each })),
      sum: { points: rows.length, ...sum },
      time: { seconds: sum.seconds, missing, notes },
      price: sum.price,
    },
    text: [
      `a sweep of ${count}; limits hold for each`,
      '',
      formatTable(header, [...rows.map((each) => row(each.name, each)), row(`sum of ${count}`, sum)], [1, 2, 3, 4, 5]),
      '',
      ...(missing.length > 0 ? [`no estimate of the time: measure first, with \`${missing.join('` and `')}\``] : []),
      ...(sum.seconds === null
        ? []
        : [
            `about ${formatDuration(sum.seconds)} by the rates of \`gadfly bench\`, beside loading, judging and saving`,
          ]),
      ...notes,
      sum.price === null
        ? 'price: unknown (give remote.prices: { input, output } in US dollars per million tokens)'
        : `price: ${sum.price === 0 ? '0' : `about $${sum.price.toPrecision(2)}`}`,
    ].join('\n'),
  };
}

const header = ['point', 'target queries', 'judge queries', 'steps', 'tokens at most', 'time'];

interface Totals {
  readonly targetQueries: number;
  readonly judgeQueries: number;
  readonly steps: number;
  readonly maxTokens: number;
  readonly seconds: number | null;
  readonly price: number | null;
}

function totalsOf({ stages, maxTokens, seconds, price }: PlannedRun): Totals {
  const total = (count: (stage: PlannedRun['stages'][number]) => number): number =>
    Math.round(stages.reduce((sum, stage) => sum + count(stage), 0));
  return {
    targetQueries: total(({ work }) => work.target.queries),
    judgeQueries: total(({ work }) => work.judgeQueries),
    steps: total(({ work }) => work.optimizerSteps),
    maxTokens,
    seconds,
    price,
  };
}

function add(a: Totals, b: Totals): Totals {
  const known = (x: number | null, y: number | null): number | null => (x === null || y === null ? null : x + y);
  return {
    targetQueries: a.targetQueries + b.targetQueries,
    judgeQueries: a.judgeQueries + b.judgeQueries,
    steps: a.steps + b.steps,
    maxTokens: a.maxTokens + b.maxTokens,
    seconds: known(a.seconds, b.seconds),
    price: known(a.price, b.price),
  };
}
