/** The judges that a run has established, in Markdown. */
import {
  classFigures,
  classRows,
  ensembleSentences,
  interval,
  labellingSentences,
} from '../../report/establishedTables.js';
import type { EstablishedReport } from '../../report/report.js';
import { escapeMarkdown, markdownRow } from './cells.js';

export function establishedLines(judge: EstablishedReport): readonly string[] {
  const sentences = [...labellingSentences(judge), ...ensembleSentences(judge)];
  const { name, descriptions, ensemble } = judge;
  return [
    `## What counts as harm: judge \`stage:${name}\``,
    '',
    ...descriptions.map(
      ({ name: label, description, harmful }) =>
        `- **${escapeMarkdown(label)}**${harmful ? ' (harmful)' : ''}: ${escapeMarkdown(description)}`,
    ),
    '',
    ...sentences.flatMap((sentence) => [escapeMarkdown(sentence), '']),
    ...(ensemble === undefined ? [] : [...table(ensemble.quality), '']),
  ];
}

function table(quality: NonNullable<EstablishedReport['ensemble']>['quality']): readonly string[] {
  const headings = ['class', 'held-out texts', ...classFigures.map(({ heading }) => `${heading} ↑`)];
  return [
    markdownRow(headings),
    markdownRow(headings.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...classRows(quality).map((row) =>
      markdownRow([
        `${escapeMarkdown(row.name)}${row.harmful ? ' (harmful)' : ''}`,
        String(row.heldOut),
        ...classFigures.map(({ key }) => (row[key] === null ? '–' : interval(key, row[key]))),
      ]),
    ),
  ];
}
