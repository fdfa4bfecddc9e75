/** Every form in which a run or a sweep can be shown, by the name that `gadfly report --format` takes. What a form needs
 *  is loaded when it is asked for, so that the list alone costs nothing. */
import { jsonText } from '../base/json.js';
import type { EvaluationView } from '../report/evaluation.js';
import type { ReportView } from '../report/reportView.js';
import type { SweepView } from '../report/sweepView.js';
import type { Table } from '../report/tables/table.js';

export type Renderer =
  | {
      /** Made from the report alone. */
      readonly kind: 'report';
      readonly run: (view: ReportView) => string;
      readonly sweep: (view: SweepView) => string;
    }
  | {
      /** Made from every dialogue of an evaluation, for another tool; of one run, since a sweep's points are runs. */
      readonly kind: 'evaluation';
      readonly run: (view: EvaluationView) => string | Uint8Array;
    }
  | {
      /** Every table of a report, each a file of its own. */
      readonly kind: 'tables';
      /** The ending of the files: '.csv'. */
      readonly ending: string;
      readonly table: (table: Table) => string | Uint8Array;
    };

export interface RenderFormat {
  /** Names of the files that are written in the folder shown where none is named; null for a form that is printed. */
  readonly files: { readonly run: string; readonly sweep: string | null } | null;
  readonly load: () => Promise<Renderer>;
}

export const renderFormats = {
  html: {
    files: { run: 'report.html', sweep: 'sweep.html' },
    load: async () => {
      const { renderHtml, renderSweepHtml } = await import('./html/renderHtml.js');
      return { kind: 'report', run: renderHtml, sweep: renderSweepHtml };
    },
  },
  md: {
    files: null,
    load: async () => {
      const { renderMarkdown } = await import('./markdown/renderMarkdown.js');
      const { renderSweepMarkdown } = await import('./markdown/renderSweepMarkdown.js');
      return { kind: 'report', run: renderMarkdown, sweep: renderSweepMarkdown };
    },
  },
  json: {
    files: null,
    load: () =>
      Promise.resolve({
        kind: 'report',
        run: ({ report }) => jsonText(report, 1),
        sweep: ({ file }) => jsonText(file, 1),
      }),
  },
  junit: {
    files: null,
    load: async () => ({ kind: 'evaluation', run: (await import('./export/junit.js')).renderJunit }),
  },
  sarif: {
    files: null,
    load: async () => ({ kind: 'evaluation', run: (await import('./export/sarif.js')).renderSarif }),
  },
  csv: {
    files: null,
    load: async () => ({ kind: 'tables', ending: '.csv', table: (await import('./export/tables.js')).renderCsv }),
  },
  parquet: {
    files: { run: 'report.parquet', sweep: 'sweep.parquet' },
    load: async () => {
      const { renderParquet } = await import('./export/tables.js');
      return { kind: 'tables', ending: '.parquet', table: renderParquet };
    },
  },
  promptfoo: {
    files: null,
    load: async () => ({ kind: 'evaluation', run: (await import('./export/promptfoo.js')).renderPromptfoo }),
  },
  inspect: {
    files: { run: 'report.eval', sweep: null },
    load: async () => ({ kind: 'evaluation', run: (await import('./export/inspect.js')).renderInspect }),
  },
  garak: {
    files: null,
    load: async () => ({ kind: 'evaluation', run: (await import('./export/garak.js')).renderGarak }),
  },
} as const satisfies Readonly<Record<string, RenderFormat>>;

export type FormatName = keyof typeof renderFormats;

export const formatNames = Object.keys(renderFormats) as FormatName[]; // Its own keys.
