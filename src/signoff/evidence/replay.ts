/** Plays recorded dialogues of an evaluation again and compares: which are the same token by token, and whether the
 *  target fails as often in those that differ (another number of threads changes the order of sums, and with it now and
 *  then a token). */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { present } from '../../base/invariant.js';
import { GadflyError } from '../../base/errors.js';
import { openStream, streamKey } from '../../base/random.js';
import { dialogueOf, readDialogue } from '../../dialogue/readRecords.js';
import { type RecordedDialogue, type RecordedScore, turnRecord } from '../../dialogue/records.js';
import { judgedAgain } from '../../dialogue/score.js';
import { rolloutLinear } from '../../dialogue/rollout/linear.js';
import type { ExchangeScore, Judge, ScoredDialogue } from '../../dialogue/types.js';
import type { ModelPool } from '../../models/pool.js';
import { stagesOfKind } from '../../recipe/recipe.js';
import { readRecords } from '../../runs/recordLog.js';
import { parseUnit } from '../../runs/units.js';
import type { EvaluationPlan, Pairing } from '../../stages/evaluate/evaluationPlan.js';
import { finishedPairings, rewardOfEvaluation } from '../../stages/evaluate/recomputeReport.js';
import { swapTest } from '../../stats/pairedTest.js';
import { type Findings, shown } from './problem.js';
import type { OpenEvidence, Replayed } from './verify.js';

/** Harm and NLL of the same text may differ by this, for the order of sums may. */
const tolerance = 1e-3;

/** Rates that differ at this level are a problem: one honest replay of a hundred raises it. */
const significance = 0.01;

export interface ReplayOptions {
  readonly pool: ModelPool;
  /** Number of dialogues. */
  readonly count: number;
  /** Decides which: who made the evidence must not know it. */
  readonly seed: number;
}

interface Recorded {
  readonly row: string;
  /** Its number within the row, from 1. */
  readonly number: number;
  readonly dialogue: RecordedDialogue;
}

/** Plays dialogues of every row whose speakers are on this machine. */
export async function replayDialogues(
  { run, loaded, report }: OpenEvidence,
  { pool, count, seed }: ReplayOptions,
  findings: Findings,
): Promise<Replayed> {
  const { recipe } = loaded;
  const [evaluation] = stagesOfKind(recipe, 'evaluate');
  const pairings = evaluation === undefined ? [] : finishedPairings({ run, recipe }, evaluation.options);
  const reachable = pairings.filter((pairing) => isReachable(pairing, findings));
  const names = new Set(reachable.map(({ name }) => name));
  const chosen = openStream(streamKey(seed, 'verify'))
    .shuffle((await recordedDialogues(run.log('rollouts').path)).filter(({ row }) => names.has(row)))
    .slice(0, count);
  const compared: Compared[] = [];
  for (const pairing of reachable) {
    const own = chosen.filter(({ row }) => row === pairing.name);
    if (own.length === 0 || evaluation === undefined) continue;
    try {
      const judges: Judge[] = [];
      for (const judge of evaluation.options.judges ?? [recipe.judge]) judges.push(await pool.judge(judge));
      const rules = { ...evaluation.options, ...rewardOfEvaluation(recipe, evaluation.options, report), judges };
      compared.push(...(await playAgain(pairing, own, { pool, rules, seed: recipe.seed }, findings)));
    } catch (error) {
      if (!(error instanceof GadflyError)) throw error;
      findings.leave(`replay: ${pairing.name}`, error.message.split('\n')[0] ?? '');
    }
  }
  return summarise(compared, findings);
}

/** A trained adversary or mended target lies in the run's folder, or nowhere; other models are opened by their name. */
function isReachable(
  { name, adversary, speaker, target, folder }: Pairing & { readonly folder: string },
  findings: Findings,
): boolean {
  const places = [
    ...(speaker === null ? [folder] : []),
    ...(target !== null && isAbsolute(target.folder) ? [target.folder] : []),
  ];
  const missing = places.find((place) => !existsSync(place));
  if (missing !== undefined)
    findings.leave(
      `replay: ${name}`,
      `models of ${speaker === null ? adversary : (target?.name ?? name)} are not here`,
    );
  return missing === undefined;
}

/** Reads the dialogues of an evaluation; a prompt that a row plays again is left out, since its draws depend on how often
 *  it was played before. */
async function recordedDialogues(path: string): Promise<readonly Recorded[]> {
  const found: Recorded[] = [];
  const seen = new Map<string, Set<string>>();
  for await (const { record, where } of readRecords(path)) {
    const unit = typeof record['stage'] === 'string' ? parseUnit(record['stage']) : null;
    if (unit?.kind !== 'evaluateRow') continue;
    const dialogue = readDialogue(record, where);
    const known = seen.get(unit.row) ?? new Set();
    seen.set(unit.row, known);
    if (!known.has(dialogue.prompt.id)) found.push({ row: unit.row, number: known.size + 1, dialogue });
    known.add(dialogue.prompt.id);
  }
  return found;
}

/** How the evaluation played and judged. */
type Rules = Pick<EvaluationPlan, 'judges' | 'reward' | 'targetTexts' | 'stopWhen' | 'turns'>;

interface Compared {
  readonly row: string;
  readonly isEqual: boolean;
  readonly recorded: readonly (number | null)[];
  readonly replayed: readonly (number | null)[];
}

async function playAgain(
  pairing: Pairing & { readonly folder: string },
  own: readonly Recorded[],
  { pool: around, rules, seed }: { readonly pool: ModelPool; readonly rules: Rules; readonly seed: number },
  findings: Findings,
): Promise<readonly Compared[]> {
  const pool = pairing.target === null ? around : around.withTarget(pairing.target);
  try {
    const opened = await pool.openRow({
      name: pairing.adversary,
      ...(pairing.speaker === null ? { folder: pairing.folder } : { speaker: pairing.speaker }),
    });
    try {
      const [main, ...others] = rules.judges;
      const judge = present(main, 'an evaluation has a judge');
      const { reward, targetTexts, stopWhen, turns } = rules;
      const played = await rolloutLinear({
        target: await pool.target(),
        adversary: opened.value,
        judge,
        reward,
        targetTexts,
        stopWhen,
        join: pool.join,
        prompts: own.map(({ dialogue }) => dialogueOf(dialogue).prompt),
        turns,
        stream: streamKey(seed, 'evaluate'),
      });
      const verdicts = new Map<Judge, readonly (readonly ExchangeScore[])[]>([
        [judge, played.map(({ scores }) => scores)],
      ]);
      for (const other of others)
        verdicts.set(other, await judgedAgain(played, { judge: other, reward, join: pool.join }));
      return own.map((recorded, i) => {
        const again = present(played[i], 'a dialogue for each recorded one');
        const isEqual = saysTheSame(recorded.dialogue, again);
        if (isEqual) {
          checkTexts(recorded, again, findings);
          for (const [each, scores] of verdicts)
            checkScores(recorded, each.name, present(scores[i], 'scores of each dialogue'), findings);
        }
        const failed = (scores: readonly { readonly failed: boolean | null }[]): (number | null)[] =>
          scores.map((verdict) => (verdict.failed === null ? null : Number(verdict.failed)));
        return {
          row: pairing.name,
          isEqual,
          recorded: failed((recorded.dialogue.scores[judge.name] ?? []).map(({ reply }) => reply)),
          replayed: failed(
            again.scores.map(({ reply }) => ({ failed: reply.kind === 'scored' ? reply.failed : null })),
          ),
        };
      });
    } finally {
      await opened.close();
    }
  } finally {
    if (pool !== around) await pool.close();
  }
}

/** Whether every turn has the same tokens; the same text, where a speaker gives text alone. */
function saysTheSame({ turns }: RecordedDialogue, { dialogue }: ScoredDialogue): boolean {
  return (
    turns.length === dialogue.turns.length &&
    turns.every((turn, i) => {
      const again = turnRecord(present(dialogue.turns[i], 'a turn for each recorded one'));
      return turn.ids === undefined ? turn.text === again.text : turn.ids.join() === (again.ids ?? []).join();
    })
  );
}

/** The same tokens are the same text. */
function checkTexts(
  { row, number, dialogue: { turns } }: Recorded,
  { dialogue }: ScoredDialogue,
  findings: Findings,
): void {
  turns.forEach(({ text }, i) => {
    const again = dialogue.turns[i]?.text ?? '';
    findings.check(text === again, () => ({
      place: `rollouts.jsonl: ${row}, dialogue ${String(number)}: turns[${String(i)}].text`,
      expected: shown(again),
      got: shown(text),
    }));
  });
}

/** The same words have the same verdicts and likelihoods. */
function checkScores(
  { row, number, dialogue }: Recorded,
  judge: string,
  again: readonly ExchangeScore[],
  findings: Findings,
): void {
  const near = (a: number | null, b: number | null): boolean =>
    a === null || b === null ? a === b : Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
  (dialogue.scores[judge] ?? []).forEach((score: RecordedScore, i) => {
    const now = again[i];
    if (now === undefined) return;
    const place = `rollouts.jsonl: ${row}, dialogue ${String(number)}: scores.${judge}[${String(i)}]`;
    for (const part of ['reply', 'exchange', 'utterance'] as const) {
      const verdict = now[part];
      const harm = verdict.kind === 'scored' ? verdict.harm : null;
      findings.check(near(harm, score[part].harm), () => ({
        place: `${place}.${part}.harm`,
        expected: harm,
        got: score[part].harm,
      }));
    }
    findings.check(near(now.adversaryNll, score.adversaryNll), () => ({
      place: `${place}.adversaryNll`,
      expected: now.adversaryNll,
      got: score.adversaryNll,
    }));
  });
}

function summarise(compared: readonly Compared[], findings: Findings): Replayed {
  const differing = compared.filter(({ isEqual }) => !isEqual);
  const others = [...new Set(differing.map(({ row }) => row))].map((row) => {
    const own = differing.filter((each) => each.row === row);
    const [recorded, replayed] = [own.map((each) => each.recorded), own.map((each) => each.replayed)];
    const p = swapTest(recorded, replayed, streamKey(0, 'verify.test'));
    return { row, dialogues: own.length, recordedRate: rateOf(recorded), replayedRate: rateOf(replayed), p };
  });
  for (const { row, recordedRate, replayedRate, p } of others)
    findings.check(p === null || p >= significance, () => ({
      place: `replay: ${row}: share of replies that failed`,
      expected: replayedRate,
      got: recordedRate,
    }));
  return { dialogues: compared.length, equal: compared.length - differing.length, others };
}

function rateOf(dialogues: readonly (readonly (number | null)[])[]): number | null {
  const known = dialogues.flat().filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
