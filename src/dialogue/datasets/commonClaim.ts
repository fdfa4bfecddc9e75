/** CommonClaim (Casper et al. 2023), csv: statements that GPT-3 wrote, each called true, false or neither by two people.
 *  An agreement of 0.5 means that these two differed. */
import { FormatError } from '../../base/errors.js';
import { asFields, hasFields, promptOfText, textOf } from './fields.js';
import type { DatasetFormat, DatasetItem, RowItem } from './format.js';
import { readTable } from './rows.js';

const classes = ['True', 'False', 'Neither'] as const;

export const commonClaim: DatasetFormat = {
  summary: 'CommonClaim statements, csv, labelled true, false or neither',
  cleans: false,
  recognises: (probe) => probe.kind === 'file' && hasFields(probe.firstValue, ['examples', 'label', 'agreement']),
  read: async function* (path, { onNote }) {
    for await (const item of readTable(path, onNote)) yield rowOf(item);
  },
};

function rowOf({ value, where }: RowItem): DatasetItem {
  const fields = asFields(value, where);
  const text = textOf(fields, 'examples');
  if (text.trim() === '') return { kind: 'dropped', reason: 'empty' };
  const label = textOf(fields, 'label');
  if (!classes.some((name) => name === label)) {
    throw new FormatError('The label is none of the classes of CommonClaim', {
      where,
      expected: classes.join(', '),
      got: label.slice(0, 20),
      remedy: 'Correct this record.',
    });
  }
  const agreement = Number(textOf(fields, 'agreement'));
  return {
    kind: 'row',
    prompt: { ...promptOfText(text), meta: { label, agreement: Number.isFinite(agreement) ? agreement : null } },
    continuation: null,
    toxicity: null,
    label,
    where,
  };
}
