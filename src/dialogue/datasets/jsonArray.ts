/** A JSON array of prompts, as astra-rl ships its Reddit prompts: strings, or objects with `prompt` or `text`. */
import type { DatasetFormat } from './format.js';
import { readJsonArray } from './json.js';
import { textRow } from './textRow.js';

export const jsonArray: DatasetFormat = {
  summary: 'a JSON array of strings, or of objects with prompt or text (astra-rl)',
  cleans: false,
  recognises: (probe) => probe.kind === 'file' && probe.firstLine.trimStart().startsWith('['),
  read: async function* (path) {
    for await (const item of readJsonArray(path)) yield textRow(item);
  },
};
