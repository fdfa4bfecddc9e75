/** CSV and Parquet with a column of prompts, and perhaps of continuations: rows as those of JSON lines. A row without a
 *  prompt, as pandas writes a missing value, is left out and counted. */
import { isFields, nameAmong } from './fields.js';
import type { Container, DatasetFormat, DatasetItem, RowItem } from './format.js';
import { readRows } from './rows.js';
import { promptNames, textRow } from './textRow.js';

export const csvTable: DatasetFormat = tableFormat(
  'csv',
  'CSV (.csv, .tsv) with a column prompt or text, and perhaps continuation and toxicity',
);

export const parquetTable: DatasetFormat = tableFormat(
  'parquet',
  'Parquet with a column prompt or text, and perhaps continuation and toxicity',
);

function tableFormat(container: Container, summary: string): DatasetFormat {
  return {
    summary,
    cleans: false,
    recognises: (probe) => probe.kind === 'file' && probe.container === container,
    read: async function* (path, { onNote }) {
      for await (const item of readRows(path, { container, onNote })) yield tableRow(item);
    },
  };
}

function tableRow(item: RowItem): DatasetItem {
  const key = isFields(item.value) ? nameAmong(item.value, promptNames) : null;
  const text = key !== null && isFields(item.value) ? item.value[key] : undefined;
  const isMissing = key !== null && (text === null || (typeof text === 'string' && text.trim() === ''));
  return isMissing ? { kind: 'dropped', reason: 'empty' } : textRow(item, { hasAim: false });
}
