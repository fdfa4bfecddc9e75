/** Holds the records of a run against its manifest and against themselves: a verdict against its threshold, a reward
 *  against its terms, every log against the positions that finished units have noted. */
import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { readAs } from '../../base/readAs.js';
import { readDialogue } from '../../dialogue/readRecords.js';
import type { RecordedDialogue, RecordedScore, RecordedVerdict } from '../../dialogue/records.js';
import { rewardOf, type RewardWeights } from '../../dialogue/reward.js';
import type { Verdict } from '../../dialogue/types.js';
import { endsRecord, readRecords } from '../../runs/recordLog.js';
import { parseUnit } from '../../runs/units.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { type Findings, shown } from './problem.js';

/** Facts of the manifest that its parts must agree on. */
export function checkManifest({ manifest }: Pick<RunRecords, 'manifest'>, findings: Findings): void {
  const { configuration, completed } = manifest;
  for (const key of ['name', 'seed'] as const)
    findings.check(manifest[key] === configuration[key], () => ({
      place: `manifest.json: ${key}`,
      expected: shown(configuration[key]),
      got: manifest[key],
    }));
  findings.check(manifest.status === 'done', () => ({
    place: 'manifest.json: status',
    expected: 'done',
    got: manifest.status,
  }));
  const units = completed.map(({ unit }) => unit);
  findings.check(new Set(units).size === units.length, () => ({
    place: 'manifest.json: completed',
    expected: 'every unit once',
    got: units.join(', '),
  }));
}

/** Every log is as long as the last finished unit says, and every unit ends with a whole record. */
export function checkPositions(run: Pick<RunRecords, 'manifest' | 'log'>, findings: Findings): void {
  const { logs, completed } = run.manifest;
  for (const name of logs) {
    const { path } = run.log(name);
    const bytes = existsSync(path) ? statSync(path).size : 0;
    let before = 0;
    for (const { unit, positions } of completed) {
      const position = positions[name] ?? 0;
      const isEnd = position >= before && (position === 0 || (position <= bytes && endsRecord(path, position)));
      findings.check(isEnd, () => ({
        place: `${name}.jsonl: ${unit}`,
        expected: 'a unit that ends with a whole record, after the one before it',
        got: position,
      }));
      before = position;
    }
    findings.check(bytes === before, () => ({ place: `${name}.jsonl: bytes`, expected: before, got: bytes }));
  }
}

/** Reads every log, so that no line of it is other than a record. @throws FormatError naming the line */
export async function checkLines(run: Pick<RunRecords, 'manifest' | 'log'>, findings: Findings): Promise<void> {
  for (const name of run.manifest.logs) {
    const { path } = run.log(name);
    if (!existsSync(path)) {
      findings.check(false, () => ({ place: `${name}.jsonl`, expected: 'the log of the run', got: 'nothing' }));
      continue;
    }
    for await (const { record, where } of readRecords(path)) {
      if (name !== 'rollouts') continue;
      const { stage } = record;
      const isUnit = typeof stage === 'string' && run.manifest.completed.some(({ unit }) => unit === stage);
      findings.check(isUnit, () => ({
        place: `${basename(where)}: stage`,
        expected: 'a finished unit of the manifest',
        got: typeof stage === 'string' ? stage : 'nothing',
      }));
    }
  }
}

const rowResult = z.object({ judges: z.array(z.object({ name: z.string(), threshold: z.number() })) });

export interface EvaluationFacts {
  readonly reward: RewardWeights;
  /** Exchanges per dialogue. */
  readonly turns: number;
  /** Whether a dialogue may end early. */
  readonly mayStop: boolean;
}

/** Checks every dialogue of the evaluation. @throws FormatError for a record of another form */
export async function checkEvaluation(run: RunRecords, facts: EvaluationFacts, findings: Findings): Promise<void> {
  const judges = new Map(
    run.manifest.completed.flatMap(({ unit, result }) =>
      parseUnit(unit)?.kind === 'evaluateRow'
        ? [[unit, readAs(rowResult, result, `manifest.json: ${unit}`).judges] as const]
        : [],
    ),
  );
  const prompts = new Map([...judges.keys()].map((unit) => [unit, [] as string[]]));
  for await (const { record, where } of readRecords(run.log('rollouts').path)) {
    const unit = typeof record['stage'] === 'string' ? record['stage'] : '';
    const asked = judges.get(unit);
    if (asked === undefined) continue;
    const dialogue = readDialogue(record, where);
    prompts.get(unit)?.push(dialogue.prompt.id);
    const at = (key: string): string => `${basename(where)}: ${key}`;
    checkTurns(dialogue, facts, at, findings);
    checkJudges(dialogue, asked, at, findings);
    for (const { name, threshold } of asked)
      (dialogue.scores[name] ?? []).forEach((score, i) => {
        checkScore(
          score,
          { threshold, reward: facts.reward },
          (key) => at(`scores.${name}[${String(i)}].${key}`),
          findings,
        );
      });
  }
  const [first, ...others] = [...prompts];
  for (const [unit, ids] of others)
    findings.check(first === undefined || ids.join('\n') === first[1].join('\n'), () => ({
      place: `rollouts.jsonl: ${unit}: prompts`,
      expected: `those of ${first?.[0] ?? ''}: ${String(first?.[1].length ?? 0)}`,
      got: ids.length,
    }));
}

type Place = (key: string) => string;

function checkTurns(
  { turns }: Pick<RecordedDialogue, 'turns'>,
  facts: EvaluationFacts,
  at: Place,
  findings: Findings,
): void {
  const takesTurns = turns.every(({ author }, i) => author === (i % 2 === 0 ? 'adversary' : 'target'));
  findings.check(takesTurns, () => ({
    place: at('turns'),
    expected: 'adversary and target in turn',
    got: 'another order',
  }));
  const isWhole = facts.mayStop ? turns.length <= 2 * facts.turns : turns.length === 2 * facts.turns;
  findings.check(isWhole, () => ({ place: at('turns'), expected: 2 * facts.turns, got: turns.length }));
  turns.forEach(({ ids, logProbs, samplingLogProbs }, i) => {
    for (const [key, values] of Object.entries({ logProbs, samplingLogProbs }))
      findings.check(values === undefined || values.length === ids?.length, () => ({
        place: at(`turns[${String(i)}].${key}`),
        expected: ids?.length ?? 0,
        got: values?.length ?? 0,
      }));
  });
}

function checkJudges(
  { scores, turns }: Pick<RecordedDialogue, 'scores' | 'turns'>,
  asked: readonly { readonly name: string }[],
  at: Place,
  findings: Findings,
): void {
  const names = asked.map(({ name }) => name).sort();
  const found = Object.keys(scores).sort();
  findings.check(names.join('\n') === found.join('\n'), () => ({
    place: at('scores'),
    expected: names.join(', '),
    got: found.join(', '),
  }));
  for (const [name, own] of Object.entries(scores))
    findings.check(own.length === turns.length / 2, () => ({
      place: at(`scores.${name}`),
      expected: turns.length / 2,
      got: own.length,
    }));
}

function checkScore(
  score: RecordedScore,
  { threshold, reward }: { readonly threshold: number; readonly reward: RewardWeights },
  at: Place,
  findings: Findings,
): void {
  for (const part of ['reply', 'exchange', 'utterance'] as const)
    checkVerdict(score[part], threshold, (key) => at(`${part}.${key}`), findings);
  // A judge's own log-odds are not recorded.
  if ((reward.logOdds ?? 0) !== 0) return;
  const verdicts = {
    reply: asVerdict(score.reply),
    exchange: asVerdict(score.exchange),
    utterance: asVerdict(score.utterance),
  };
  const again = rewardOf({ ...score, ...verdicts }, reward)?.total ?? null;
  const was = score.reward?.total ?? null;
  const isSame =
    again === null || was === null ? again === was : Math.abs(again - was) <= 1e-6 * Math.max(1, Math.abs(again));
  findings.check(isSame, () => ({ place: at('reward.total'), expected: again, got: was }));
}

function checkVerdict(
  { harm, failed, reason, notDue }: RecordedVerdict,
  threshold: number,
  at: Place,
  findings: Findings,
): void {
  if (harm === null) {
    findings.check(failed === null, () => ({ place: at('failed'), expected: null, got: failed }));
    findings.check(reason !== undefined || notDue === true, () => ({
      place: at('reason'),
      expected: 'why there is no verdict',
      got: 'nothing',
    }));
    return;
  }
  findings.check(harm >= 0 && harm <= 1, () => ({ place: at('harm'), expected: 'a number in [0, 1]', got: harm }));
  findings.check(failed === harm > threshold, () => ({ place: at('failed'), expected: harm > threshold, got: failed }));
}

function asVerdict({ harm, failed, reason = '', notDue }: RecordedVerdict): Verdict {
  return harm === null || failed === null
    ? { kind: 'unscored', reason, ...(notDue === undefined ? {} : { notDue }) }
    : { kind: 'scored', harm, failed, labels: {} };
}
