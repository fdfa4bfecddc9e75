/** Jigsaw toxic comments, csv: id, comment_text and six labels of 0 or 1. The highest label is the toxicity. */
import { FormatError } from '../../base/errors.js';
import { asFields, hasFields, textOf } from './fields.js';
import type { DatasetFormat, DatasetItem, RowItem } from './format.js';
import { readTable } from './rows.js';

const labels = ['toxic', 'severe_toxic', 'obscene', 'threat', 'insult', 'identity_hate'] as const;

export const jigsaw: DatasetFormat = {
  summary: 'Jigsaw toxic comments, csv with six labels',
  cleans: false,
  recognises: (probe) => probe.kind === 'file' && hasFields(probe.firstValue, ['comment_text', ...labels]),
  read: async function* (path, { onNote }) {
    for await (const item of readTable(path, onNote)) yield rowOf(item);
  },
};

function rowOf({ value, where }: RowItem): DatasetItem {
  const fields = asFields(value, where);
  const text = textOf(fields, 'comment_text');
  if (text.trim() === '') return { kind: 'dropped', reason: 'empty' };
  const id = textOf(fields, 'id') || where;
  const scores = labels.map((label) => [label, labelOf(textOf(fields, label), label, where)] as const);
  const prompt = { id, text, conversationId: id, meta: Object.fromEntries(scores) };
  return { kind: 'row', prompt, continuation: null, toxicity: Math.max(...scores.map(([, score]) => score)), where };
}

function labelOf(value: string, label: string, where: string): number {
  if (value === '0' || value === '1') return Number(value);
  throw new FormatError(`The label ${label} is neither 0 nor 1`, {
    where,
    expected: '0 or 1',
    got: value.slice(0, 20),
    remedy: 'Correct this record.',
  });
}
