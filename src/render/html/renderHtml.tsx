/** report.html and sweep.html: one file each, no outside resource; a sweep's links lead to the points' own reports beside
 *  it. */
import { renderToString } from 'preact-render-to-string';
import { createVeil, encodeVeiled } from './dialogues.js';
import { htmlDocument } from './htmlDocument.js';
import { ReportPage } from './page.js';
import type { ReportView } from '../../report/reportView.js';
import type { SweepView } from '../../report/sweepView.js';
import { reportScript, themeScript } from './script.js';
import { SweepPage } from './sweepPage.js';

export function renderHtml(view: ReportView): string {
  const veil = createVeil();
  const body = renderToString(<ReportPage view={view} veil={veil} />);
  return htmlDocument({
    title: `${view.manifest.name} – Gadfly report`,
    body,
    script: reportScript,
    veiled: encodeVeiled(veil.texts),
  });
}

export function renderSweepHtml(view: SweepView): string {
  return htmlDocument({
    title: `${view.file.name} – Gadfly sweep`,
    body: renderToString(<SweepPage view={view} />),
    script: themeScript,
    veiled: null,
  });
}
