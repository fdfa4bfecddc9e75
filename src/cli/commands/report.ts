/** `gadfly report`: shows what a run found, writes it for other tools, and holds it against a threshold. */
import { dirname, join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../base/files.js';
import type { JsonObject, JsonValue } from '../../base/json.js';
import { invariant } from '../../base/invariant.js';
import { makeFolder } from '../../base/makeFolder.js';
import { type FormatName, formatNames, renderFormats, type Renderer, type RenderFormat } from '../../render/all.js';
import type { Report } from '../../report/report.js';
import { holdsSweep } from '../../report/sweepFile.js';
import { textFlag } from '../command.js';
import type { CommandContext, CommandDefinition, FlagValues } from '../command.js';
import { exitCodes } from '../exitCodes.js';

export const reportCommand: CommandDefinition = {
  name: 'report',
  summary: 'show what a run or a sweep found, write it for other tools, or hold it against a threshold',
  argument: { form: '<dir>', summary: 'a run directory, or the folder of a sweep' },
  flags: [
    {
      flags: '--format <format>',
      summary:
        'html is written to DIR/report.html (of a sweep: sweep.html), inspect to DIR/report.eval, the others are printed (default: html)',
      choices: formatNames,
    },
    { flags: '--out <file>', summary: 'writes it here instead; replaced when it exists' },
    {
      flags: '--fail-over <metric=value>',
      summary: 'exit code 3 when a row has more than VALUE of METRIC, by the low end of its 95% interval',
    },
  ],
  examples: [
    'gadfly report runs/demo',
    'gadfly report runs/demo --format md',
    'gadfly report runs/demo --format junit --out junit.xml --fail-over replyFailureRate=0.1',
  ],
  run: async (argument = '', flags, context) => {
    const name = (textFlag(flags, 'format') ?? 'html') as FormatName; // One of the choices.
    const isSweep = holdsSweep(argument);
    const threshold = await judge(flags, isSweep, argument, context);
    const rendered = await (isSweep ? renderSweep : renderRun)(argument, name);
    const { document, text } = deliver(rendered, name, textFlag(flags, 'out'));
    return {
      json: isPlain(document) ? { ...document, ...threshold.document } : document,
      text,
      exitCode: threshold.exitCode,
    };
  },
};

interface Rendered {
  /** The file's content. */
  readonly content: string | Uint8Array;
  /** The file that it becomes where none is named; null for what is printed. */
  readonly file: string | null;
}

async function renderRun(argument: string, name: FormatName): Promise<Rendered> {
  const { files, load }: RenderFormat = renderFormats[name];
  const renderer: Renderer = await load();
  if (renderer.kind === 'evaluation') {
    const { readEvaluation } = await import('../../report/evaluation.js');
    const view = await readEvaluation(argument);
    return { content: renderer.run(view), file: files === null ? null : join(view.folder, files.run) };
  }
  const { readReportView } = await import('../../report/reportView.js');
  const view = await readReportView(argument);
  return { content: renderer.run(view), file: files === null ? null : join(view.folder, files.run) };
}

async function renderSweep(argument: string, format: FormatName): Promise<Rendered> {
  const { files, load }: RenderFormat = renderFormats[format];
  const renderer: Renderer = await load();
  const { readSweepView } = await import('../../report/sweepView.js');
  const view = readSweepView(argument);
  if (renderer.kind === 'evaluation') {
    const [first] = view.file.points;
    throw new ConfigError(`a sweep has no form '${format}'; its points do`, {
      where: argument,
      remedy: `Export the points one by one: \`gadfly report ${join(argument, first?.folder ?? 'POINT')} --format ${format}\`.`,
    });
  }
  const name = files?.sweep ?? null;
  return { content: renderer.sweep(view), file: name === null ? null : join(view.folder, name) };
}

/** Prints what has no file, and writes the rest. */
function deliver(
  { content, file }: Rendered,
  name: FormatName,
  out: string | undefined,
): { readonly document: JsonValue; readonly text: string } {
  const path = out ?? file;
  if (path !== null) {
    makeFolder(dirname(path));
    writeFileAtomic(path, content);
    return { document: { format: name, file: path }, text: path };
  }
  const text = content;
  invariant(typeof text === 'string', 'a form without a file is text');
  return name === 'json'
    ? { document: JSON.parse(text) as JsonValue, text } // Written as JSON just now.
    : { document: { format: name, text }, text };
}

/** Holds the main rows of a run, or of every point of a sweep, against `--fail-over`. */
async function judge(
  flags: FlagValues,
  isSweep: boolean,
  argument: string,
  context: CommandContext,
): Promise<{ readonly document: JsonObject; readonly exitCode: number }> {
  const given = textFlag(flags, 'failOver');
  if (given === undefined) return { document: {}, exitCode: exitCodes.ok };
  const { exceededSentence, judgeThreshold, parseThreshold } = await import('../../report/threshold.js');
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
    const { readPointReports } = await import('../../report/sweepView.js');
    return readPointReports(argument).map(({ name, report }) => ({ point: name, report }));
  }
  const { readReportView } = await import('../../report/reportView.js');
  return [{ point: null, report: (await readReportView(argument)).report }];
}

function isPlain(document: JsonValue): document is JsonObject {
  return typeof document === 'object' && document !== null && !Array.isArray(document);
}
