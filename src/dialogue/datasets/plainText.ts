/** Plain text: one prompt per line, blank lines skipped. */
import type { DatasetFormat } from './format.js';
import { promptOfText } from './fields.js';
import { readLines } from './lines.js';

export const plainText: DatasetFormat = {
  summary: 'plain text, one prompt per line',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' && probe.container === null && ['txt', 'text', ''].includes(probe.extension),
  read: async function* (path) {
    for await (const { line, text } of readLines(path)) {
      if (text.trim() === '') continue;
      yield {
        kind: 'row',
        prompt: promptOfText(text.trim()),
        continuation: null,
        toxicity: null,
        where: `${path}:${line}`,
      };
    }
  },
};
