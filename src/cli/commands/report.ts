/** `gadfly report`: shows what a run found. */
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../base/files.js';
import { jsonText } from '../../base/json.js';
import type { JsonValue } from '../../base/json.js';
import { textFlag } from '../command.js';
import type { CommandDefinition, CommandResult } from '../command.js';
import { holdsSweep } from '../../report/sweepFile.js';

const formats = ['html', 'md', 'json', 'junit', 'sarif'] as const;

export const reportCommand: CommandDefinition = {
  name: 'report',
  summary: 'show what a run or a sweep found',
  argument: { form: '<dir>', summary: 'a run directory, or the folder of a sweep' },
  flags: [
    {
      flags: '--format <format>',
      summary: 'html is written to DIR/report.html (of a sweep: sweep.html), the others are printed (default: html)',
      choices: formats,
    },
  ],
  examples: ['gadfly report runs/demo', 'gadfly report runs/demo --format md'],
  run: async (argument = '', flags) => {
    const format = (textFlag(flags, 'format') ?? 'html') as (typeof formats)[number];
    if (format === 'junit' || format === 'sarif') {
      throw new ConfigError(`the format ${format} is not written yet`, {
        where: '--format',
        expected: 'html, md or json',
        got: format,
      });
    }
    if (holdsSweep(argument)) return showSweep(argument, format);
    const { readReportView } = await import('../../report/reportView.js');
    const view = await readReportView(argument);
    if (format === 'json') return { json: view.report as unknown as JsonValue, text: jsonText(view.report, 1) };
    if (format === 'md') {
      const { renderMarkdown } = await import('../../render/markdown/renderMarkdown.js');
      const text = renderMarkdown(view);
      return { json: { format, text }, text };
    }
    const { renderHtml } = await import('../../render/html/renderHtml.js');
    const file = join(view.folder, 'report.html');
    writeFileAtomic(file, renderHtml(view));
    return { json: { format, file }, text: file };
  },
};

async function showSweep(folder: string, format: 'html' | 'md' | 'json'): Promise<CommandResult> {
  const { readSweepView } = await import('../../render/sweepView.js');
  const view = readSweepView(folder);
  if (format === 'json') return { json: view.file as unknown as JsonValue, text: jsonText(view.file, 1) };
  if (format === 'md') {
    const { renderSweepMarkdown } = await import('../../render/sweepText.js');
    const text = renderSweepMarkdown(view);
    return { json: { format, text }, text };
  }
  const { renderSweepHtml } = await import('../../render/html/renderSweepHtml.js');
  const file = join(view.folder, 'sweep.html');
  writeFileAtomic(file, renderSweepHtml(view));
  return { json: { format, file }, text: file };
}
