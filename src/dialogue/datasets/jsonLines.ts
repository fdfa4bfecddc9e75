/** JSON lines: one string, or object with `prompt` or `text` and perhaps `goal`, `target` and `views`, per line;
 *  `{prompt, continuation, toxicity}` for known failures. */
import type { DatasetFormat } from './format.js';
import { isFields } from './fields.js';
import { readRows } from './rows.js';
import { textRow } from './textRow.js';

export const jsonLines: DatasetFormat = {
  summary: 'JSON lines: a string, {prompt} or {text} each; with continuation and toxicity for known failures',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' &&
    (probe.container === 'json-lines' ||
      (probe.container === null &&
        probe.extension !== 'txt' &&
        (typeof probe.firstValue === 'string' || isFields(probe.firstValue)))),
  read: async function* (path) {
    for await (const item of readRows(path, { container: 'json-lines' })) yield textRow(item, { hasAim: true });
  },
};
