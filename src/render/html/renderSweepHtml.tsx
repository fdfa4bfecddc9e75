/** sweep.html: one file, no outside resource; links lead to the points' own reports beside it. */
import { renderToString } from 'preact-render-to-string';
import { htmlDocument } from './htmlDocument.js';
import { themeScript } from './themeScript.js';
import { SweepPage } from './sweepPage.js';
import type { SweepView } from '../sweepView.js';

export function renderSweepHtml(view: SweepView): string {
  return htmlDocument({
    title: `${view.file.name} – Gadfly sweep`,
    body: renderToString(<SweepPage view={view} />),
    script: themeScript,
    veiled: null,
  });
}
