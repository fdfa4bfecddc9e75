/** Makes report.json of evaluated dialogues: figures by row and judge with intervals by prompt, sample dialogues, the
 *  words behind verdicts, and notes that a reader should have beside the figures. */
import { setImmediate } from 'node:timers/promises';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import type { JudgedDialogue, RecordedScore } from '../../dialogue/records.js';
import { countUnscored } from '../../dialogue/unscored.js';
import type { Report, ReportPoint, ReportRow, ReportSample, SampleTurn, VerdictWords } from '../../report/report.js';
import { explainToxicity, type LinearToxicityModel, loadLinearToxicity } from '../../speakers/judges/linearToxicity.js';
import { isFurther } from '../../recipe/adversaries.js';
import { stagesOfKind } from '../../recipe/recipe.js';
import type { RunRecords } from '../../runs/runRecords.js';
import type { NearTexts } from '../../stats/differentFindings.js';
import { rowDifferences } from './differences.js';
import type { EvaluationPlan } from './evaluationPlan.js';
import type { Meanings } from './meanings.js';
import { type EvaluatedRow, reportRow, scoresBy } from './reportRow.js';
import { hasTrained, notesOf, searchNotes } from './evaluationNotes.js';
import type { StageContext } from '../stageContext.js';

/** The things that a report is made from beside the rows: the recipe, the run, and a way to say how far it has come. */
export interface ReportContext extends Pick<StageContext, 'recipe' | 'progress'> {
  readonly run: RunRecords;
}

/** Makes the report over evaluated rows: a pure function of what the run has recorded.
 *  @param heard what models tell of the dialogues: meanings, and the texts that the recipe's attacks have learnt from */
export async function buildReport(
  context: ReportContext,
  plan: EvaluationPlan,
  rows: readonly EvaluatedRow[],
  heard: { readonly meanings: Meanings; readonly taught: NearTexts | null },
): Promise<Report> {
  const explainer = plan.judges.some(({ name }) => name === 'linear-toxicity') ? await loadLinearToxicity() : null;
  const main = present(plan.judges[0], 'an evaluation has a judge').name;
  const differences = rowDifferences(context, plan, rows);
  return {
    schema: 1,
    run: { ...describeRun(context), ...describeEvaluation(plan) },
    ...(plan.groupBy === 'prompt' ? {} : { groupBy: plan.groupBy }),
    rows: await reportRows(context, plan, rows, heard),
    ...(differences.length === 0 ? {} : { differences }),
    samples: rows.flatMap((row) =>
      sampleDialogues(row, main, plan.samples, context.recipe.seed, main === 'linear-toxicity' ? explainer : null),
    ),
    points: rows.flatMap((row) => row.dialogues.map((dialogue) => pointOf(row.name, scoresBy(dialogue, main)))),
    ...(explainer === null ? {} : { verdictWords: rows.map((row) => verdictWords(row, explainer)) }),
    notes: [
      ...notesOf(plan, stagesOfKind(context.recipe, 'mend').length > 0),
      ...searchNotes(rows),
      ...unscoredNotes(plan, rows),
    ],
  };
}

/** Returns the description of a run that a reader needs to repeat it. */
export function describeRun({ run, recipe }: Pick<ReportContext, 'run' | 'recipe'>): Report['run'] {
  const { name, seed, versions, host, createdAt } = run.manifest;
  return {
    name,
    seed,
    versions,
    host,
    createdAt,
    elapsedSeconds: Math.round(run.elapsedMs / 1000),
    target: recipe.target.model,
    adversary: recipe.adversary.model,
    reference: recipe.reference ?? recipe.adversary.model,
    judge: recipe.judge.model,
  };
}

function describeEvaluation(plan: EvaluationPlan): Report['run'] {
  return {
    judge: plan.recipeJudge,
    judges: plan.judges.map((judge, i) => ({
      name: judge.name,
      threshold: judge.threshold,
      maxUnscored: plan.maxUnscored[i] ?? 0,
      trained: judge.name === plan.recipeJudge || hasTrained(plan, judge),
    })),
    prompts: plan.prompts.length,
    ...describeAdversaries(plan),
    reward: { ...plan.reward },
    ...(plan.embed === null ? {} : { embed: plan.embed.model }),
  };
}

/** Returns the models and instructions of adversaries that are neither the recipe's nor trained. */
function describeAdversaries({ rows }: EvaluationPlan): Report['run'] {
  const others = rows.filter(isFurther).map(({ adversary, speaker: { model, system } }) => {
    return [adversary, { model, ...(system === undefined ? {} : { system }) }] as const;
  });
  return others.length === 0 ? {} : { adversaries: Object.fromEntries(others) };
}

/** Summarises every row by every judge, and lets the program be interrupted between two of them. */
async function reportRows(
  context: ReportContext,
  plan: EvaluationPlan,
  rows: readonly EvaluatedRow[],
  { meanings, taught }: { readonly meanings: Meanings; readonly taught: NearTexts | null },
): Promise<readonly ReportRow[]> {
  const total = rows.length * plan.judges.length;
  const found: ReportRow[] = [];
  for (const row of rows) {
    for (const judge of plan.judges) {
      const done = found.length;
      context.progress({ stage: 'evaluate', phase: 'statistics', done, total, unit: 'rows', values: {} });
      await setImmediate();
      found.push(reportRow(context, plan, row, judge, taught, meanings));
    }
  }
  return found;
}

function pointOf(row: string, scores: readonly RecordedScore[]): ReportPoint {
  return { row, harm: worstHarm(scores), nll: mean(scores.map(({ adversaryNll }) => adversaryNll)) };
}

function worstHarm(scores: readonly RecordedScore[]): number | null {
  const known = scores.flatMap(({ reply }) => (reply.harm === null ? [] : [reply.harm]));
  return known.length === 0 ? null : Math.max(...known);
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Chooses sample dialogues: a third the worst, a third around the median, the rest at random. The worst alone would
 *  flatter the attack. */
function sampleDialogues(
  row: EvaluatedRow,
  judge: string,
  count: number,
  seed: number,
  explainer: LinearToxicityModel | null,
): readonly ReportSample[] {
  const ranked = row.dialogues
    .map((dialogue) => ({ dialogue, harm: worstHarm(scoresBy(dialogue, judge)) ?? -1 }))
    .sort((a, b) => b.harm - a.harm)
    .map(({ dialogue }) => dialogue);
  const third = Math.floor(Math.min(count, ranked.length) / 3);
  const middle = Math.max(third, Math.floor((ranked.length - third) / 2));
  const worst = ranked.slice(0, third);
  const typical = ranked.slice(middle, middle + third);
  const taken = new Set([...worst, ...typical]);
  const rest = openStream(streamKey(seed, 'samples'))
    .shuffle(ranked.filter((dialogue) => !taken.has(dialogue)))
    .slice(0, Math.max(0, Math.min(count, ranked.length) - taken.size));
  const show =
    (chosen: string) =>
    (dialogue: JudgedDialogue): ReportSample => ({
      row: row.name,
      chosen,
      // A dialogue that begins with nothing in public is known by its goal.
      prompt: dialogue.prompt.text === '' ? (dialogue.prompt.goal ?? '') : dialogue.prompt.text,
      turns: sampleTurns(dialogue, judge, explainer),
    });
  return [...worst.map(show('worst')), ...typical.map(show('typical')), ...rest.map(show('random'))];
}

function sampleTurns(
  dialogue: JudgedDialogue,
  judge: string,
  explainer: LinearToxicityModel | null,
): readonly SampleTurn[] {
  const scores = scoresBy(dialogue, judge);
  return dialogue.turns.map(({ author, text, noReply }, i): SampleTurn => {
    const score = present(scores[Math.floor(i / 2)], 'a score for each exchange');
    const verdict = author === 'adversary' ? score.utterance : score.reply;
    const words = explainer === null || verdict.failed !== true ? [] : drivers(explainer, text);
    return {
      author,
      text,
      ...(noReply === undefined ? {} : { noReply }),
      harm: verdict.harm,
      ...(verdict.notDue === undefined ? {} : { notDue: verdict.notDue }),
      failed: verdict.failed,
      ...(author === 'adversary' ? { nll: score.adversaryNll, reward: score.reward?.total ?? null } : {}),
      ...(words.length === 0 ? {} : { words }),
    };
  });
}

/** Returns the words that push a text towards its verdict, the strongest first, at most five, nats of log-odds. */
function drivers(
  explainer: LinearToxicityModel,
  text: string,
): readonly { readonly word: string; readonly weight: number }[] {
  return explainToxicity(explainer, text)
    .words.filter(({ contribution }) => contribution > 0)
    .slice(0, 5)
    .map(({ word, contribution }) => ({ word, weight: contribution }));
}

/** Counts over all failed replies of a row the words that carry the verdicts, so that an artefact of the judge shows. */
function verdictWords(row: EvaluatedRow, explainer: LinearToxicityModel): VerdictWords {
  const totals = new Map<string, { sum: number; count: number }>();
  for (const dialogue of row.dialogues) {
    const scores = dialogue.scores['linear-toxicity'] ?? [];
    dialogue.turns.forEach(({ author, text }, i) => {
      if (author !== 'target' || scores[Math.floor(i / 2)]?.reply.failed !== true) return;
      for (const { word, weight } of drivers(explainer, text)) {
        const { sum, count } = totals.get(word) ?? { sum: 0, count: 0 };
        totals.set(word, { sum: sum + weight, count: count + 1 });
      }
    });
  }
  const words = [...totals].map(([word, { sum, count }]) => ({ word, weight: sum / count, count }));
  words.sort((a, b) => b.weight * b.count - a.weight * a.count || (a.word < b.word ? -1 : 1));
  return { row: row.name, judge: 'linear-toxicity', words: words.slice(0, 25) };
}

/** Returns one sentence per judge and row with unscored texts: how many there are, and the commonest reason. */
function unscoredNotes(plan: EvaluationPlan, rows: readonly EvaluatedRow[]): readonly string[] {
  return plan.judges.flatMap(({ name }) =>
    rows.flatMap((row) => {
      const replies = row.dialogues.flatMap((dialogue) =>
        scoresBy(dialogue, name).flatMap(({ reply }) => (reply.notDue === true ? [] : [reply])),
      );
      const verdicts = replies.map(({ harm, reason = 'no reason' }) =>
        harm === null ? ({ kind: 'unscored', reason } as const) : ({ kind: 'scored' } as const),
      );
      const {
        unscored,
        reasons: [commonest],
      } = countUnscored(verdicts);
      if (commonest === undefined) return [];
      return [
        `${row.name}: ${name} could not score ${String(unscored)} of ${String(replies.length)} replies, which count in no figure; the commonest reason: ${commonest.reason}`,
      ];
    }),
  );
}
