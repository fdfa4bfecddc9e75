/** report.html: one file, no outside resource. */
import { renderToString } from 'preact-render-to-string';
import { createVeil, encodeVeiled } from './dialogues.js';
import { htmlDocument } from './htmlDocument.js';
import { ReportPage } from './page.js';
import type { ReportView } from '../../report/reportView.js';
import { reportScript } from './script.js';

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
