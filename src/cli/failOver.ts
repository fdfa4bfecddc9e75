/** `--fail-over METRIC=VALUE`: holds what a run or a sweep found against a threshold. */
import { ConfigError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { Report } from '../report/report.js';
import { type CommandContext, type FlagValues, textFlag } from './command.js';
import { exitCodes } from './exitCodes.js';

/** Holds the main rows of a run, or of every point of a sweep, against `--fail-over`. */
export async function judgeFailOver(
  flags: FlagValues,
  isSweep: boolean,
  argument: string,
  context: CommandContext,
): Promise<{ readonly document: JsonObject; readonly exitCode: number }> {
  const given = textFlag(flags, 'failOver');
  if (given === undefined) return { document: {}, exitCode: exitCodes.ok };
  const { exceededSentence, judgeThreshold, parseThreshold } = await import('../report/threshold.js');
  const threshold = parseThreshold(given, '--fail-over');
  const found = (await readReports(argument, isSweep)).map(({ point, report }) => ({
    point,
    rows: report.rows.length,
    known: report.rows.flatMap(({ metrics }) => Object.keys(metrics)),
    ...judgeThreshold(report, threshold),
  }));
  const known = new Set(found.flatMap((each) => each.known));
  if (known.size > 0 && !known.has(threshold.metric))
    throw new ConfigError('no row has this metric', {
      where: '--fail-over',
      expected: [...known].sort().join(', '),
      got: threshold.metric,
    });
  const nameIn = (point: string | null, row: string): string => (point === null ? row : `${point}: ${row}`);
  const exceeded = found.flatMap(({ point, exceeded: rows }) => rows.map((row) => ({ point, row })));
  const without = found.flatMap(({ point, withoutValue }) => withoutValue.map(({ name }) => nameIn(point, name)));
  for (const { point, row } of exceeded) context.log(nameIn(point, exceededSentence(row, threshold)));
  for (const row of without) context.log(`${row} has no ${threshold.metric}: that is no pass`);
  const isEmpty = found.every(({ rows }) => rows === 0);
  if (isEmpty) context.log('there is no evaluated row to hold against --fail-over');
  const document = {
    failOver: { metric: threshold.metric, value: threshold.limit },
    thresholdExceeded: exceeded.map(({ point, row: { name } }) => nameIn(point, name)),
    withoutValue: without,
  };
  const exitCode =
    exceeded.length > 0 ? exitCodes.thresholdExceeded : without.length > 0 || isEmpty ? exitCodes.error : exitCodes.ok;
  return { document, exitCode };
}

/** Reads the report of a run, or those of a sweep's points that have one. */
async function readReports(
  argument: string,
  isSweep: boolean,
): Promise<readonly { readonly point: string | null; readonly report: Pick<Report, 'loop' | 'rows'> }[]> {
  if (isSweep) {
    const { readPointReports } = await import('../report/sweepView.js');
    return readPointReports(argument).map(({ name, report }) => ({ point: name, report }));
  }
  const { readReportView } = await import('../report/reportView.js');
  return [{ point: null, report: (await readReportView(argument)).report }];
}
