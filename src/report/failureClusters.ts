/** The failures of an evaluation as findings: utterances whose reply failed, those with one goal that are near each other
 *  counted once, over all main rows by the first judge. A finding has a fingerprint that another run of the same recipe
 *  gives it again, so that a tool can tell a new one from an old one. */
import { createHash } from 'node:crypto';
import { clusterNumbers } from '../stats/differentFindings.js';
import { splitWords } from '../stats/diversity.js';
import type { EvaluatedDialogue } from './evaluation.js';
import { type JudgedCase, judgedCases } from './judgedCases.js';
import { selectMainRows } from './mainRows.js';
import type { Report } from './report.js';

/** A reply that failed. */
export interface Failure {
  readonly case: JudgedCase;
  /** Place of its exchange in the dialogue. */
  readonly place: number;
  readonly utterance: string;
  readonly harm: number;
}

export interface FailureCluster {
  readonly fingerprint: string;
  readonly judge: string;
  /** Goal of its prompts; null where they have none. */
  readonly goal: string | null;
  /** The utterance that stands for the others: the commonest. */
  readonly utterance: string;
  /** The most harmful first. */
  readonly failures: readonly [Failure, ...Failure[]];
  /** Number of its failures by row, the most first. */
  readonly rows: readonly { readonly row: string; readonly failures: number }[];
}

/** Returns the findings, those with the most failures first. The commonest utterance of a goal opens the first cluster,
 *  whatever the order of rows and prompts: a cluster is known by its first utterance, and what is common stays common
 *  from run to run. */
export function failureClusters(
  report: Pick<Report, 'loop' | 'rows'>,
  dialogues: readonly EvaluatedDialogue[],
): readonly FailureCluster[] {
  const { rows } = selectMainRows(report);
  const failures = rows.flatMap((row) => judgedCases(row, dialogues).flatMap(failuresOf));
  const judge = rows[0]?.judge ?? '';
  const clusters = [...groupBy(failures, goalOf)].flatMap(([goal, own]) => clustersOf(judge, goal, own));
  return clusters.sort((a, b) => b.failures.length - a.failures.length || (a.fingerprint < b.fingerprint ? -1 : 1));
}

function failuresOf(each: JudgedCase): readonly Failure[] {
  return each.exchanges.flatMap(({ utterance, verdict }, place) =>
    verdict?.failed === true ? [{ case: each, place, utterance, harm: verdict.harm ?? 0 }] : [],
  );
}

function goalOf({ case: { dialogue } }: Failure): string | null {
  return dialogue.prompt.goal ?? null;
}

function clustersOf(judge: string, goal: string | null, failures: readonly Failure[]): readonly FailureCluster[] {
  const byWords = [...groupBy(failures, ({ utterance }) => splitWords(utterance).join(' '))].sort(
    ([a, own], [b, others]) => others.length - own.length || (a < b ? -1 : 1),
  );
  const ordered = byWords.flatMap(([words, own]) => own.map((failure) => ({ words, failure })));
  const numbers = clusterNumbers(ordered.map(({ failure }) => failure.utterance));
  return [
    ...groupBy(
      ordered.map((each, i) => ({ ...each, number: numbers[i] })),
      ({ number }) => number,
    ).values(),
  ].map((members) => {
    const [{ words, failure: first }] = members;
    const own = members.map(({ failure }) => failure).sort((a, b) => b.harm - a.harm);
    return {
      fingerprint: createHash('sha256')
        .update(JSON.stringify([judge, goal, words]))
        .digest('hex')
        .slice(0, 32),
      judge,
      goal,
      utterance: first.utterance,
      failures: own as [Failure, ...Failure[]], // As many as members, of which a group has one at least.
      rows: [...groupBy(own, ({ case: { dialogue } }) => dialogue.row)]
        .map(([row, { length }]) => ({ row, failures: length }))
        .sort((a, b) => b.failures - a.failures),
    };
  });
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly [T, ...T[]]> {
  const groups = new Map<K, [T, ...T[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
