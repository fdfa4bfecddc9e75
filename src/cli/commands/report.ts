/** `gadfly report`: shows what a run found. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files.js';
import type { JsonValue } from '../../base/json.js';
import { type FormatName, formatNames, renderFormats, type RenderFormat } from '../../render/all.js';
import { holdsSweep } from '../../report/sweepFile.js';
import { textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';

export const reportCommand: CommandDefinition = {
  name: 'report',
  summary: 'show what a run or a sweep found',
  argument: { form: '<dir>', summary: 'a run directory, or the folder of a sweep' },
  flags: [
    {
      flags: '--format <format>',
      summary: 'html is written to DIR/report.html (of a sweep: sweep.html), the others are printed (default: html)',
      choices: formatNames,
    },
  ],
  examples: ['gadfly report runs/demo', 'gadfly report runs/demo --format md'],
  run: async (argument = '', flags) => {
    const name = (textFlag(flags, 'format') ?? 'html') as FormatName; // One of the choices.
    const format: RenderFormat = renderFormats[name];
    const { folder, text, file } = await (holdsSweep(argument) ? renderSweep : renderRun)(argument, format);
    if (name === 'json') return { json: JSON.parse(text) as JsonValue, text }; // Written as JSON just now.
    if (file === null) return { json: { format: name, text }, text };
    const path = join(folder, file);
    writeFileAtomic(path, text);
    return { json: { format: name, file: path }, text: path };
  },
};

interface Rendered {
  /** Absolute. */
  readonly folder: string;
  readonly text: string;
  /** The name of the file that it becomes; null for what is printed. */
  readonly file: string | null;
}

async function renderRun(argument: string, { load, files }: RenderFormat): Promise<Rendered> {
  const { readReportView } = await import('../../report/reportView.js');
  const view = await readReportView(argument);
  return { folder: view.folder, text: (await load()).run(view), file: files?.run ?? null };
}

async function renderSweep(argument: string, { load, files }: RenderFormat): Promise<Rendered> {
  const { readSweepView } = await import('../../report/sweepView.js');
  const view = readSweepView(argument);
  return { folder: view.folder, text: (await load()).sweep(view), file: files?.sweep ?? null };
}
