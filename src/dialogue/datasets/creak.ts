/** CREAK (Onoe et al. 2021), JSON lines in a .json file: claims about entities, called true or false. The claims about one
 *  entity are a conversation, so that a split keeps them together, as its own splits do. */
import { FormatError } from '../../base/errors.js';
import { asFields, hasFields, stringField } from './fields.js';
import type { DatasetFormat, DatasetItem, RowItem } from './format.js';
import { readRows } from './rows.js';

export const creak: DatasetFormat = {
  summary: 'CREAK claims about entities, JSON lines, labelled true or false',
  cleans: false,
  recognises: (probe) => probe.kind === 'file' && hasFields(probe.firstValue, ['ex_id', 'sentence', 'label', 'entity']),
  read: async function* (path) {
    for await (const item of readRows(path)) yield rowOf(item);
  },
};

function rowOf({ value, where }: RowItem): DatasetItem {
  const fields = asFields(value, where);
  const text = stringField(fields, 'sentence', where);
  if (text.trim() === '') return { kind: 'dropped', reason: 'empty' };
  const label = stringField(fields, 'label', where);
  if (label !== 'true' && label !== 'false') {
    throw new FormatError('The label is none of the classes of CREAK', {
      where,
      expected: 'true or false',
      got: label.slice(0, 20),
      remedy: 'Correct this record.',
    });
  }
  const entity = stringField(fields, 'entity', where);
  const id = stringField(fields, 'ex_id', where);
  return {
    kind: 'row',
    prompt: { id, text, conversationId: entity, meta: { label, entity } },
    continuation: null,
    toxicity: null,
    label,
    where,
  };
}
