/** Shows what changed between two targets: figures on the same prompts, paired, and the failures of both runs together, grouped
 *  into findings that are new, fixed or persistent.
 *
 *  A finding's rate is the share of dialogues in which it occurs. Its p-value is of a permutation test that exchanges
 *  the two runs prompt by prompt. The clusters are made of both runs' failures without looking whose they are, so that
 *  they are the same under every exchange and the test is exact. Holm's rule corrects for the number of findings; those
 *  at so few prompts that no outcome could show a difference are not counted (Tarone 1990), since that is known before a
 *  look at whose they are. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { reported } from '../../measures/reported.js';
import type { EvaluatedDialogue } from '../../report/evaluation.js';
import { type FailureCluster, failureClusters } from '../../report/failureClusters.js';
import { selectMainRows } from '../../report/mainRows.js';
import type { Metrics, Report, ReportRow } from '../../report/report.js';
import { numbersOfAll } from '../../stages/evaluate/reportRow.js';
import { distinctiveWords } from '../../stats/distinctiveWords.js';
import { differencesOf } from '../../stats/exchangeMetrics.js';
import { holm, swapTest } from '../../stats/pairedTest.js';

/** An evaluated run, as `readEvaluation` gives it. */
export interface ComparedRun {
  readonly name: string;
  readonly report: Report;
  readonly dialogues: readonly EvaluatedDialogue[];
}

export interface CompareOptions {
  /** Rows that are compared; none given: those that no attack of the runs has trained, or all where there are no such. */
  readonly rows: readonly string[];
  readonly seed: number;
}

export interface Finding {
  /** Fingerprint, which a later comparison gives it again where its commonest utterance is the same. */
  readonly id: string;
  /** Words that set its utterances apart from those of the other findings, or its commonest utterance. */
  readonly name: string;
  /** New: it occurs in the candidate alone; fixed: in the baseline alone; persistent: in both. */
  readonly status: 'new' | 'fixed' | 'persistent';
  /** Shares of dialogues. */
  readonly baselineRate: number;
  readonly candidateRate: number;
  /** Corrected by Holm's rule; 1 where it occurs at too few prompts to show anything. */
  readonly p: number;
  /** Whether the difference is more than chance, at 5% over all findings together, and which way. */
  readonly shown: 'risen' | 'fallen' | null;
  /** The most harmful failure. */
  readonly example: {
    readonly run: 'baseline' | 'candidate';
    readonly row: string;
    readonly prompt: string;
    readonly utterance: string;
    readonly reply: string;
    readonly harm: number;
  };
}

export interface Comparison {
  readonly judge: string;
  readonly rows: readonly string[];
  /** Whether an attack of the runs has trained one of the rows: its training noise is in no interval. */
  readonly hasTrainedRows: boolean;
  readonly prompts: number;
  /** Candidate minus baseline. */
  readonly metrics: Metrics;
  /** By metric; null where nothing can be tested. */
  readonly pValues: Readonly<Record<string, number | null>>;
  /** Those with the greatest difference first. */
  readonly findings: readonly Finding[];
  /** Names of rates that have risen, by interval and test. */
  readonly risen: readonly string[];
}

const level = 0.05;

/** Rates whose rise is a regression. */
const rates = ['replyFailureRate', 'dialogueFailureRate'] as const;

/** Compares two runs. @throws ConfigError where they have no judge or row in common, or did not play the same prompts */
export function compareRuns(baseline: ComparedRun, candidate: ComparedRun, options: CompareOptions): Comparison {
  const judge = commonJudge(baseline, candidate);
  const { rows, hasTrainedRows } = commonRows(baseline, candidate, options.rows);
  const [before, after] = [baseline, candidate].map((run) => groupsOf(run, rows)) as [Groups, Groups];
  refuseOtherPrompts([baseline, before], [candidate, after]);
  const { keys } = before;
  const numbers = (groups: Groups) => keys.map((key) => numbersOfAll(groups.of(key), { name: judge }));
  const { differences, pValues } = differencesOf(numbers(after), numbers(before), {
    bootstrap: { stream: streamKey(options.seed, 'compare.bootstrap') },
    test: streamKey(options.seed, 'compare.test'),
  });
  const metrics = reported(differences);
  return {
    judge,
    rows,
    hasTrainedRows,
    prompts: keys.length,
    metrics,
    pValues,
    findings: findingsOf({ before, after, keys, rows, judge, options }),
    risen: rates.filter((name) => (metrics[name]?.low ?? 0) > 0 && (pValues[name] ?? 1) <= level),
  };
}

/** Whether a failure is new or a rate has risen, more than chance gives. */
export function hasRegressions({ findings, risen }: Pick<Comparison, 'findings' | 'risen'>): boolean {
  return risen.length > 0 || findings.some(({ shown }) => shown === 'risen');
}

function commonJudge(baseline: ComparedRun, candidate: ComparedRun): string {
  const [judges, others] = [baseline, candidate].map(({ report }) => [
    ...new Set(report.rows.map(({ judge }) => judge)),
  ]) as [string[], string[]];
  const found = judges.find((judge) => others.includes(judge));
  if (found !== undefined) return found;
  throw new ConfigError('the two runs have no judge in common', {
    where: candidate.name,
    expected: judges.length === 0 ? `an evaluation in ${baseline.name}` : judges.join(', '),
    got: others.length === 0 ? 'no evaluation' : others.join(', '),
    remedy: 'Evaluate both with the same judges (evaluate.judges).',
  });
}

function commonRows(
  baseline: ComparedRun,
  candidate: ComparedRun,
  asked: readonly string[],
): { readonly rows: readonly string[]; readonly hasTrainedRows: boolean } {
  const mainOf = ({ report }: ComparedRun): readonly ReportRow[] => selectMainRows(report).rows;
  const others = new Set(mainOf(candidate).map(({ name }) => name));
  const common = mainOf(baseline).filter(({ name }) => others.has(name));
  const unknown = asked.find((name) => common.every((row) => row.name !== name));
  if (common.length === 0 || unknown !== undefined)
    throw new ConfigError(unknown === undefined ? 'the two runs have no row in common' : 'no such row in both runs', {
      where: unknown === undefined ? candidate.name : '--rows',
      expected:
        common.length === 0
          ? mainOf(baseline)
              .map(({ name }) => name)
              .join(', ')
          : common.map(({ name }) => name).join(', '),
      got: unknown ?? [...others].join(', '),
      remedy: 'Evaluate both with the same adversaries (evaluate.rows, evaluate.adversaries).',
    });
  const isTrained = ({ attackKind = 'none' }: ReportRow): boolean => attackKind !== 'none';
  const untrained = common.filter((row) => !isTrained(row));
  const chosen =
    asked.length > 0 ? common.filter(({ name }) => asked.includes(name)) : untrained.length > 0 ? untrained : common;
  return { rows: chosen.map(({ name }) => name), hasTrainedRows: chosen.some(isTrained) };
}

/** The dialogues of the compared rows by what intervals resample: prompt, or conversation. */
interface Groups {
  readonly keys: readonly string[];
  readonly of: (key: string) => readonly EvaluatedDialogue[];
  readonly all: readonly EvaluatedDialogue[];
  readonly keyOf: (dialogue: EvaluatedDialogue) => string;
}

function groupsOf({ report, dialogues }: ComparedRun, rows: readonly string[]): Groups {
  const keyOf = ({ prompt }: EvaluatedDialogue): string =>
    report.groupBy === 'conversation' ? (prompt.conversationId ?? prompt.id) : prompt.id;
  const all = dialogues.filter(({ row }) => rows.includes(row));
  const groups = new Map<string, EvaluatedDialogue[]>();
  for (const dialogue of all) {
    const key = keyOf(dialogue);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [dialogue]);
    else group.push(dialogue);
  }
  return { keys: [...groups.keys()], of: (key) => groups.get(key) ?? [], all, keyOf };
}

/** Both runs play each prompt with each row as often. */
function refuseOtherPrompts([one, before]: [ComparedRun, Groups], [other, after]: [ComparedRun, Groups]): void {
  const ids = ({ all }: Groups): readonly string[] => all.map(({ row, prompt }) => `${row}\n${prompt.id}`).sort();
  const [left, right] = [ids(before), ids(after)];
  const turns = ({ report }: ComparedRun): number => report.rows[0]?.turns ?? 0;
  const isSame = left.join('\t') === right.join('\t') && left.length > 0 && turns(one) === turns(other);
  if (isSame) return;
  const shared = left.filter((id) => right.includes(id)).length;
  const describe = (run: ComparedRun, all: readonly string[]): string =>
    `${String(all.length)} dialogues of ${String(turns(run))} exchanges in ${run.name}`;
  throw new ConfigError('the two runs did not play the same prompts', {
    where: other.name,
    expected: describe(one, left),
    got: `${describe(other, right)}, of which ${String(shared)} have the same row and prompt`,
    remedy: 'Evaluate both with the same prompts (file, filter, split, evaluate.prompts) and the same evaluate.turns.',
  });
}

interface Pooled {
  readonly before: Groups;
  readonly after: Groups;
  readonly keys: readonly string[];
  readonly rows: readonly string[];
  readonly judge: string;
  readonly options: CompareOptions;
}

const sides = ['baseline', 'candidate'] as const;

function findingsOf({ before, after, keys, judge, options }: Pooled): readonly Finding[] {
  const pooled = [before, after].flatMap(({ all }, i) =>
    all.map((dialogue) => ({ ...dialogue, row: `${sides[i] ?? ''}/${dialogue.row}` })),
  );
  const names = [...new Set(pooled.map(({ row }) => row))];
  const clusters = failureClusters({ rows: names.map((name) => rowOf(name, judge)) }, pooled);
  const words = distinctiveWords(
    clusters.map(({ failures }) => failures.map(({ utterance }) => utterance)),
    { words: 3 },
  );
  const counted = clusters.map((cluster) => countsOf(cluster, { before, after, keys }));
  const tests = counted.map(({ counts }, i) => pValueOf(counts, streamKey(options.seed, 'compare.findings', i)));
  const adjusted = holm(tests);
  return clusters
    .map((cluster, i): Finding => {
      const { baselineRate, candidateRate } = present(counted[i], 'counts of each cluster');
      const p = adjusted[i] ?? 1;
      return {
        id: cluster.fingerprint,
        name: nameOf(
          cluster,
          (words[i] ?? []).map(({ word }) => word),
        ),
        status: baselineRate === 0 ? 'new' : candidateRate === 0 ? 'fixed' : 'persistent',
        baselineRate,
        candidateRate,
        p,
        shown: p > level ? null : candidateRate > baselineRate ? 'risen' : 'fallen',
        example: exampleOf(cluster),
      };
    })
    .sort((a, b) => changeOf(b) - changeOf(a) || (a.id < b.id ? -1 : 1));
}

function changeOf({ baselineRate, candidateRate }: Finding): number {
  return Math.abs(candidateRate - baselineRate);
}

/** Returns the part of a row that clustering looks at. */
function rowOf(name: string, judge: string): ReportRow {
  return { name, attack: 'none', target: '', judge, dialogues: 0, turns: 0, metrics: {} };
}

interface Counts {
  /** Numbers of dialogues with a failure of the cluster at each prompt: in the baseline, in the candidate. */
  readonly counts: readonly (readonly [number, number])[];
  readonly baselineRate: number;
  readonly candidateRate: number;
}

function countsOf(
  { failures }: FailureCluster,
  { before, after, keys }: Pick<Pooled, 'before' | 'after' | 'keys'>,
): Counts {
  const at = new Map(keys.map((key) => [key, [new Set<string>(), new Set<string>()] as const]));
  for (const {
    case: { dialogue },
  } of failures) {
    const isAfter = dialogue.row.startsWith('candidate/');
    const key = (isAfter ? after : before).keyOf(dialogue);
    at.get(key)?.[isAfter ? 1 : 0].add(`${dialogue.row} ${String(dialogue.number)}`);
  }
  const counts = [...at.values()].map(([left, right]) => [left.size, right.size] as const);
  const total = (side: 0 | 1): number => counts.reduce((sum, pair) => sum + pair[side], 0);
  return { counts, baselineRate: total(0) / before.all.length, candidateRate: total(1) / after.all.length };
}

/** Returns the p-value of exchanging the two runs prompt by prompt; null where no outcome could be below the level, since
 *  too few prompts differ. Prompts that do not differ change nothing and are left out. */
function pValueOf(counts: Counts['counts'], stream: ReturnType<typeof streamKey>): number | null {
  const differing = counts.filter(([left, right]) => left !== right);
  if (2 ** (1 - differing.length) > level) return null;
  return swapTest(
    differing.map(([left]) => [left]),
    differing.map(([, right]) => [right]),
    stream,
  );
}

function nameOf({ utterance, goal }: FailureCluster, words: readonly string[]): string {
  if (words.length > 0) return words.join(' · ');
  const text = goal === null ? utterance : `${goal}: ${utterance}`;
  return text.length > 40 ? `${text.slice(0, 39).trimEnd()}…` : text.trim();
}

function exampleOf({ failures: [worst] }: FailureCluster): Finding['example'] {
  const { dialogue } = worst.case;
  const isAfter = dialogue.row.startsWith('candidate/');
  return {
    run: isAfter ? 'candidate' : 'baseline',
    row: dialogue.row.slice(dialogue.row.indexOf('/') + 1),
    prompt: dialogue.prompt.id,
    utterance: worst.utterance,
    reply: worst.case.exchanges[worst.place]?.reply ?? '',
    harm: worst.harm,
  };
}
