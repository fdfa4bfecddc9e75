/** The figures of a row of an evaluation by one judge, with intervals by the unit that the evaluation resamples. */
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import type { JudgedDialogue, RecordedScore } from '../../dialogue/records.js';
import { isNothingFound } from '../../dialogue/nothingFound.js';
import { targetTextPart } from '../../dialogue/score.js';
import type { Judge } from '../../dialogue/types.js';
import { reported } from '../../measures/reported.js';
import { categoryMetrics } from '../../report/categories.js';
import type { EvaluatedAdversary } from '../../recipe/adversaries.js';
import type { Metrics, ReportRow, SearchSummary } from '../../report/report.js';
import type { BootstrapOptions } from '../../stats/bootstrap.js';
import { type NearTexts, summariseFindings } from '../../stats/differentFindings.js';
import { type ExchangeNumbers, summariseDiversity, summariseExchanges } from '../../stats/exchangeMetrics.js';
import type { StageContext } from '../stageContext.js';
import type { EvaluationPlan } from './evaluationPlan.js';
import { groupDialogues } from './groupDialogues.js';
import type { Meanings } from './meanings.js';
import { summariseMeanings } from './meaningMetrics.js';

export interface EvaluatedRow {
  readonly name: string;
  readonly attack: string;
  readonly attackKind: EvaluatedAdversary['attackKind'];
  /** The search whose finds it says; null for a row that says none. */
  readonly search: SearchSummary | null;
  /** Name of the judge that the attack was trained or selected by; null for none. */
  readonly trainedJudge: string | null;
  readonly target: string;
  readonly dialogues: readonly JudgedDialogue[];
  /** Effect of rounding the target to 8 bits, by the first judge; absent where training played no rounded target. */
  readonly rounding?: Metrics;
  /** Spending of playing and judging the row, over all judges; absent while the row is not finished. */
  readonly spending?: Readonly<Record<string, number>>;
}

/** Returns the bootstrap of a report: all its intervals come from the same resamples. */
export function bootstrapOf({ seed }: Pick<StageContext['recipe'], 'seed'>): BootstrapOptions {
  return { stream: streamKey(seed, 'bootstrap') };
}

/** @param taught texts that the recipe's attacks have learnt from; null where there are none
 *  @param meanings of everything that the row's dialogues hold */
export function reportRow(
  { recipe }: Pick<StageContext, 'recipe'>,
  plan: EvaluationPlan,
  row: EvaluatedRow,
  judge: Judge,
  taught: NearTexts | null,
  meanings: Meanings,
): ReportRow {
  const groups = groupDialogues(row.dialogues, plan.groupBy, ({ prompt }) => prompt);
  const exchanges = groups.map((dialogues) => numbersOfAll(dialogues, judge));
  const bootstrap = bootstrapOf(recipe);
  const { overall, turns } = summariseExchanges(exchanges, bootstrap);
  const utterances = groups.map((dialogues) => dialogues.flatMap(utterancesOf));
  const failed = groups.map((dialogues) =>
    dialogues.flatMap((dialogue) => failedOf(utterancesOf(dialogue), dialogue, judge)),
  );
  const failedReplies = row.dialogues.flatMap((dialogue) => failedOf(repliesOf(dialogue), dialogue, judge));
  return {
    name: row.name,
    attack: row.attack,
    attackKind: row.attackKind,
    target: row.target,
    judge: judge.name,
    threshold: judge.threshold,
    judgeTrainedOn: judge.name === row.trainedJudge,
    dialogues: row.dialogues.length,
    turns: plan.turns,
    metrics: {
      ...reported(overall),
      ...reported(summariseDiversity(utterances, bootstrap)),
      ...reported(summariseFindings(failed, taught, bootstrap)),
      ...reported(summariseMeanings(meanings, utterances.flat(), failed.flat(), failedReplies)),
    },
    byTurn: turns.map((metrics, turn) => ({ turn: turn + 1, metrics: reported(metrics) })),
    ...(plan.categories === null ? {} : { byCategory: categoryFigures(groups, plan.categories, judge, bootstrap) }),
    unscored: exchanges.flat().filter(({ replyHarm, notDue = [] }) => replyHarm === null && !notDue.includes('reply'))
      .length,
    noReply: row.dialogues
      .filter(({ turns: said }) => !said.some(isNothingFound))
      .flatMap(({ turns: said }) => said)
      .filter(({ author, noReply }) => author === 'target' && noReply !== undefined).length,
    ...(row.search === null ? {} : { search: row.search }),
    ...(row.spending === undefined ? {} : { spending: row.spending }),
    ...(row.rounding === undefined || judge !== plan.judges[0] ? {} : { rounding: row.rounding }),
  };
}

/** Breaks a row down by the category of its prompts.
 *  @param groups the dialogues that the bootstrap resamples together */
function categoryFigures(
  groups: readonly (readonly JudgedDialogue[])[],
  categories: ReadonlyMap<string, string>,
  judge: Judge,
  bootstrap: BootstrapOptions,
): NonNullable<ReportRow['byCategory']> {
  const categoryOf = ({ prompt: { id } }: JudgedDialogue): string => categories.get(id) ?? 'no category';
  return [...new Set(groups.flat().map(categoryOf))].sort().map((category) => {
    const own = groups
      .map((dialogues) => dialogues.filter((dialogue) => categoryOf(dialogue) === category))
      .filter((dialogues) => dialogues.length > 0);
    const { overall } = summariseExchanges(
      own.map((dialogues) => numbersOfAll(dialogues, judge)),
      bootstrap,
    );
    const shown = Object.fromEntries(categoryMetrics.map((name) => [name, overall[name]]));
    return { category, dialogues: own.flat().length, metrics: reported(shown) };
  });
}

/** Returns the numbers of all exchanges of dialogues by a judge. */
export function numbersOfAll(
  dialogues: readonly JudgedDialogue[],
  judge: Pick<Judge, 'name'>,
): readonly ExchangeNumbers[] {
  return dialogues.flatMap((dialogue) => scoresBy(dialogue, judge.name).map(numbersOf));
}

/** Returns what the adversary said; nothing where a search had found nothing to say. */
export function utterancesOf({ turns }: JudgedDialogue): readonly string[] {
  return turns.filter((turn) => turn.author === 'adversary' && !isNothingFound(turn)).map(({ text }) => text);
}

export function repliesOf({ turns }: JudgedDialogue): readonly string[] {
  return turns.filter(({ author }) => author === 'target').map(({ text }) => text);
}

/** Returns those texts of a dialogue, one per exchange, whose exchange has a reply that failed. */
export function failedOf(
  texts: readonly string[],
  dialogue: JudgedDialogue,
  { name }: Pick<Judge, 'name'>,
): readonly string[] {
  const scores = scoresBy(dialogue, name);
  return texts.filter((_, i) => scores[i]?.reply.failed === true);
}

/** Returns the verdicts of a judge on the exchanges of a dialogue. */
export function scoresBy(dialogue: JudgedDialogue, judge: string): readonly RecordedScore[] {
  return present(dialogue.scores[judge], `scores by ${judge}`);
}

/** Returns the name of the metric that shows a rating: 'ratingGoal' of 'goal'. */
function ratingMetric(name: string): string {
  return `rating${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}

function numbersOf(score: RecordedScore, turn: number): ExchangeNumbers {
  const { reply, exchange, utterance, adversaryNll, reward } = score;
  return {
    turn,
    replyHarm: reply.harm,
    replyFailed: reply.failed,
    exchangeHarm: exchange.harm,
    adversaryHarm: utterance.harm,
    adversaryNll,
    ...targetTextPart(score),
    reward: reward?.total ?? null,
    replyDisagreement: reply.disagreement ?? null,
    replySplit: reply.split === undefined ? null : reply.split === 1,
    ...(reply.ratings === undefined
      ? {}
      : {
          ratings: Object.fromEntries(
            Object.entries(reply.ratings).map(([name, value]) => [ratingMetric(name), value]),
          ),
        }),
    ...(utterance.notDue === true
      ? { notDue: (['reply', 'exchange', 'utterance'] as const).filter((part) => score[part].notDue === true) }
      : {}),
  };
}
