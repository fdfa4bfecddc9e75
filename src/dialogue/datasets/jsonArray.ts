/** A JSON array of prompts, as astra-rl ships its Reddit prompts: strings, or objects with `prompt` or `text`. */
import type { DatasetFormat } from './format.js';
import { readRows } from './rows.js';
import { textRow } from './textRow.js';

export const jsonArray: DatasetFormat = {
  summary: 'a JSON array of strings, or of objects with prompt or text (astra-rl)',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' && ['json-array', null].includes(probe.container) && probe.firstCharacter === '[',
  read: async function* (path) {
    for await (const item of readRows(path, { container: 'json-array' })) yield textRow(item, { hasAim: true });
  },
};
