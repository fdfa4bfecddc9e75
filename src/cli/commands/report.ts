/** `gadfly report`: shows what a run found, writes it for other tools, and holds it against a threshold. */
import { dirname, join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../base/files.js';
import type { JsonObject, JsonValue } from '../../base/json.js';
import { invariant } from '../../base/invariant.js';
import { makeFolder } from '../../base/makeFolder.js';
import { type FormatName, formatNames, renderFormats, type Renderer, type RenderFormat } from '../../render/all.js';
import { holdsSweep } from '../../report/sweepFile.js';
import type { Table } from '../../report/tables/table.js';
import type { ReportView } from '../../report/reportView.js';
import { numberFlag, textFlag } from '../command.js';
import type { CommandDefinition, FlagValues } from '../command.js';
import { judgeFailOver } from '../failOver.js';

export const reportCommand: CommandDefinition = {
  name: 'report',
  summary: 'show what a run or a sweep found, write it for other tools, or hold it against a threshold',
  argument: { form: '<dir>', summary: 'a run directory, or the folder of a sweep' },
  flags: [
    {
      flags: '--format <format>',
      summary:
        'html is written to DIR/report.html (of a sweep: sweep.html), inspect to DIR/report.eval, parquet to DIR/report.parquet; the others are printed (default: html)',
      choices: formatNames,
    },
    {
      flags: '--out <file>',
      summary:
        'writes it here instead; replaced when it exists. Of csv and parquet a folder gets every table, a file (.csv, .parquet) the table of metrics',
    },
    {
      flags: '--fail-over <metric=value>',
      summary: 'exit code 3 when a row has more than VALUE of METRIC, by the low end of its 95% interval',
    },
    {
      flags: '--labels <file>',
      summary:
        'html, md and json: correct rates for the judge’s errors by what people said of the replies of this file, which `gadfly replies` wrote; html goes to DIR/report.labelled.html',
    },
    { flags: '--failing <names>', summary: 'labels that mean a failure, commas between (default: failed)' },
    { flags: '--certify <rate>', summary: 'with --labels: is the true failure rate below this?', parse: 'number' },
    { flags: '--confidence <x>', summary: 'confidence of a certificate (default: 0.95)', parse: 'number' },
  ],
  examples: [
    'gadfly report runs/demo',
    'gadfly report runs/demo --format md',
    'gadfly report runs/demo --format parquet --out tables',
    'gadfly report runs/demo --labels labels/replies.jsonl --certify 0.05 --format md',
    'gadfly report runs/demo --format junit --out junit.xml --fail-over replyFailureRate=0.1',
  ],
  run: async (argument = '', flags, context) => {
    const name = (textFlag(flags, 'format') ?? 'html') as FormatName; // One of the choices.
    const isSweep = holdsSweep(argument);
    const threshold = await judgeFailOver(flags, isSweep, argument, context);
    const labels = labelsFlags(flags, isSweep, name);
    const rendered = isSweep ? await renderSweep(argument, name) : await renderRun(argument, name, labels);
    const { document, text } = deliver(rendered, name, textFlag(flags, 'out'));
    return {
      json: isPlain(document) ? { ...document, ...threshold.document } : document,
      text,
      exitCode: threshold.exitCode,
    };
  },
};

interface Rendered {
  /** The content by name: one file, or the tables of a folder, the main one first. */
  readonly files: readonly { readonly name: string; readonly content: string | Uint8Array }[];
  /** The path of the first of them where none is named; null for what is printed. */
  readonly place: string | null;
  /** Ending of the files of tables, of which there may be a folder; null for what is one file. */
  readonly ending: string | null;
}

/** How rates are corrected for the judge's errors. */
interface LabelsFlags {
  readonly file: string;
  readonly failing: readonly string[];
  readonly below: number | null;
  readonly zeta: number;
}

/** @throws ConfigError for flags that mean nothing together */
function labelsFlags(flags: FlagValues, isSweep: boolean, format: FormatName): LabelsFlags | null {
  const file = textFlag(flags, 'labels');
  const below = numberFlag(flags, 'certify') ?? null;
  if (file === undefined) {
    if (below === null) return null;
    throw new ConfigError('a certificate needs labels of people', {
      where: '--certify',
      remedy: 'Give --labels FILE.',
    });
  }
  if (isSweep || !['html', 'md', 'json'].includes(format))
    throw new ConfigError('labels correct the report of a run', {
      where: '--labels',
      expected: 'a run directory, and --format html, md or json',
    });
  const confidence = numberFlag(flags, 'confidence') ?? 0.95;
  if (!(confidence > 0 && confidence < 1))
    throw new ConfigError('this is no confidence', {
      where: '--confidence',
      expected: 'between 0 and 1',
      got: String(confidence),
    });
  const failing = (textFlag(flags, 'failing') ?? 'failed').split(',').map((label) => label.trim());
  return { file, failing, below, zeta: 1 - confidence };
}

/** Returns the view with its rates corrected. */
async function corrected(view: ReportView, { file, failing, below, zeta }: LabelsFlags): Promise<ReportView> {
  const { readEvaluatedDialogues } = await import('../../report/evaluation.js');
  const { readLabelledReplies } = await import('../../signoff/judgeError/labelledReplies.js');
  const { correctReport } = await import('../../signoff/judgeError/correctReport.js');
  const judge = view.report.rows[0]?.judge ?? '';
  const labels = await readLabelledReplies(file, { failing, judge });
  const dialogues = await readEvaluatedDialogues(view.folder);
  return { ...view, report: correctReport(view.report, dialogues, { labels, below, zeta }) };
}

async function renderRun(argument: string, name: FormatName, labels: LabelsFlags | null): Promise<Rendered> {
  const { files, load }: RenderFormat = renderFormats[name];
  const renderer: Renderer = await load();
  if (renderer.kind === 'report') {
    const { readReportView } = await import('../../report/reportView.js');
    const view = await readReportView(argument);
    if (labels === null) return whole(renderer.run(view), files === null ? null : join(view.folder, files.run));
    // The page of the run stays the page of report.json, as `gadfly verify` expects it.
    const place = files === null ? null : join(view.folder, 'report.labelled.html');
    return whole(renderer.run(await corrected(view, labels)), place);
  }
  const { readEvaluation } = await import('../../report/evaluation.js');
  const view = await readEvaluation(argument);
  const place = files === null ? null : join(view.folder, files.run);
  if (renderer.kind === 'evaluation') return whole(renderer.run(view), place);
  const { runTables } = await import('../../report/tables/all.js');
  return tables(runTables(view), renderer, place);
}

async function renderSweep(argument: string, format: FormatName): Promise<Rendered> {
  const { files, load }: RenderFormat = renderFormats[format];
  const renderer: Renderer = await load();
  const { readSweepView } = await import('../../report/sweepView.js');
  const view = readSweepView(argument);
  const name = files?.sweep ?? null;
  const place = name === null ? null : join(view.folder, name);
  if (renderer.kind === 'report') return whole(renderer.sweep(view), place);
  if (renderer.kind === 'tables') {
    const { tablesOfSweep } = await import('../../report/tables/all.js');
    return tables(tablesOfSweep(view), renderer, place);
  }
  const [first] = view.file.points;
  throw new ConfigError(`a sweep has no form '${format}'; its points do`, {
    where: argument,
    remedy: `Export the points one by one: \`gadfly report ${join(argument, first?.folder ?? 'POINT')} --format ${format}\`.`,
  });
}

function whole(content: string | Uint8Array, place: string | null): Rendered {
  return { files: [{ name: '', content }], place, ending: null };
}

/** Leaves tables without a line out, but for the first. */
function tables(
  all: readonly Table[],
  { table, ending }: Extract<Renderer, { kind: 'tables' }>,
  place: string | null,
): Rendered {
  const files = all
    .filter(({ rows }, i) => i === 0 || rows.length > 0)
    .map((each) => ({ name: `${each.name}${ending}`, content: table(each) }));
  return { files, place, ending };
}

/** Prints what has no file, and writes the rest: where `--out` names a folder, every table. */
function deliver(
  { files, place, ending }: Rendered,
  format: FormatName,
  out: string | undefined,
): { readonly document: JsonValue; readonly text: string } {
  const path = out ?? place;
  const [main] = files;
  invariant(main !== undefined, 'a form has content');
  if (path === null) {
    const { content: text } = main;
    invariant(typeof text === 'string', 'a form without a file is text');
    return format === 'json'
      ? { document: JSON.parse(text) as JsonValue, text } // Written as JSON just now.
      : { document: { format, text }, text };
  }
  if (ending === null || path.endsWith(ending)) {
    makeFolder(dirname(path));
    writeFileAtomic(path, main.content);
    return { document: { format, file: path }, text: path };
  }
  makeFolder(path);
  for (const { name, content } of files) writeFileAtomic(join(path, name), content);
  const paths = files.map(({ name }) => join(path, name));
  return { document: { format, files: paths }, text: paths.join('\n') };
}

function isPlain(document: JsonValue): document is JsonObject {
  return typeof document === 'object' && document !== null && !Array.isArray(document);
}
