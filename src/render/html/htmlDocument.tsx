/** A page as one file, no outside resource. A content security policy forbids it every request and every script but its
 *  own. */
import { createHash } from 'node:crypto';
import { renderToString } from 'preact-render-to-string';
import { reportStyles } from './styles.js';

export interface HtmlPage {
  readonly title: string;
  /** Rendered. */
  readonly body: string;
  readonly script: string;
  /** Texts that the script may put in place, encoded; null when there are none. */
  readonly veiled: string | null;
}

export function htmlDocument({ title, body, script, veiled }: HtmlPage): string {
  const scriptHash = createHash('sha256').update(script, 'utf8').digest('base64');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="robots" content="noindex">',
    '<link rel="icon" href="data:,">',
    renderToString(<title>{title}</title>),
    `<style>${reportStyles}</style>`,
    '</head>',
    `<body>${body}`,
    ...(veiled === null ? [] : [`<script type="text/plain" id="veiled">${veiled}</script>`]),
    `<script>${script}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
