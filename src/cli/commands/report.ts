/** `gadfly report`: shows what a run found. */
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../runs/files.js';
import { jsonText } from '../../runs/json.js';
import type { JsonValue } from '../../runs/json.js';
import { textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';

const formats = ['html', 'md', 'json', 'junit', 'sarif'] as const;

export const reportCommand: CommandDefinition = {
  name: 'report',
  summary: 'show what a run found',
  argument: { form: '<dir>', summary: 'a run directory' },
  flags: [{ flags: '--format <format>', summary: 'html is written to DIR/report.html, the others are printed (default: html)', choices: formats }],
  examples: ['gadfly report runs/demo', 'gadfly report runs/demo --format md'],
  run: async (argument = '', flags) => {
    const format = (textFlag(flags, 'format') ?? 'html') as (typeof formats)[number];
    if (format === 'junit' || format === 'sarif') {
      throw new ConfigError(`the format ${format} is not written yet`, { where: '--format', expected: 'html, md or json', got: format });
    }
    const { readReportView } = await import('../report/reportView.js');
    const view = await readReportView(argument);
    if (format === 'json') return { json: view.report as unknown as JsonValue, text: jsonText(view.report, 1) };
    if (format === 'md') {
      const { renderMarkdown } = await import('../report/renderMarkdown.js');
      const text = renderMarkdown(view);
      return { json: { format, text }, text };
    }
    const { renderHtml } = await import('../report/renderHtml.js');
    const file = join(view.folder, 'report.html');
    writeFileAtomic(file, renderHtml(view));
    return { json: { format, file }, text: file };
  },
};
