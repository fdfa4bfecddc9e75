/** HarmBench behaviours, csv: each names what an attack tries to make the target do, some with a context, which judges are
 *  told, too. */
import { asFields, hasFields, textOf } from './fields.js';
import type { DatasetFormat, DatasetItem, RowItem } from './format.js';
import { readTable } from './rows.js';

export const harmBench: DatasetFormat = {
  summary: 'HarmBench behaviours, csv',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' && hasFields(probe.firstValue, ['Behavior', 'BehaviorID', 'FunctionalCategory']),
  read: async function* (path, { onNote }) {
    for await (const item of readTable(path, onNote)) yield rowOf(item);
  },
};

function rowOf({ value, where }: RowItem): DatasetItem {
  const fields = asFields(value, where);
  const behaviour = textOf(fields, 'Behavior');
  if (behaviour.trim() === '') return { kind: 'dropped', reason: 'empty' };
  const context = textOf(fields, 'ContextString');
  const id = textOf(fields, 'BehaviorID') || where;
  const meta = {
    functionalCategory: textOf(fields, 'FunctionalCategory'),
    semanticCategory: textOf(fields, 'SemanticCategory'),
  };
  const hasContext = context.trim() !== '';
  const text = hasContext ? `${context}\n\n---\n\n${behaviour}` : behaviour;
  return {
    kind: 'row',
    prompt: { id, text, conversationId: id, goal: behaviour, ...(hasContext ? { background: context } : {}), meta },
    continuation: null,
    toxicity: null,
    where,
  };
}
