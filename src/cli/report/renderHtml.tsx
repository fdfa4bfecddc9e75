/** report.html: one file, no outside resource. A content security policy forbids the page every request and every script but its own. */
import { createHash } from 'node:crypto';
import { renderToString } from 'preact-render-to-string';
import { createVeil, encodeVeiled } from './dialogues.js';
import { ReportPage } from './page.js';
import type { ReportView } from './reportView.js';
import { reportScript } from './script.js';
import { reportStyles } from './styles.js';

export function renderHtml(view: ReportView): string {
  const veil = createVeil();
  const body = renderToString(<ReportPage view={view} veil={veil} />);
  const scriptHash = createHash('sha256').update(reportScript, 'utf8').digest('base64');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const title = renderToString(<title>{`${view.manifest.name} – Gadfly report`}</title>);
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="robots" content="noindex">',
    '<link rel="icon" href="data:,">',
    title,
    `<style>${reportStyles}</style>`,
    '</head>',
    `<body>${body}`,
    `<script type="text/plain" id="veiled">${encodeVeiled(veil.texts)}</script>`,
    `<script>${reportScript}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
