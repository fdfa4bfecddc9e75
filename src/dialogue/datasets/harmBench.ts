/** HarmBench behaviours, csv: each names what an attack tries to make the target do, some with a context. */
import type { DatasetFormat, DatasetItem } from './format.js';
import { hasColumns, readCsv, type CsvRecord } from './csv.js';

export const harmBench: DatasetFormat = {
  summary: 'HarmBench behaviours, csv',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' && hasColumns(probe.firstLine, ['Behavior', 'BehaviorID', 'FunctionalCategory']),
  read: async function* (path) {
    for await (const record of readCsv(path)) yield rowOf(record);
  },
};

function rowOf({ fields, where }: CsvRecord): DatasetItem {
  const behaviour = fields.get('Behavior') ?? '';
  if (behaviour.trim() === '') return { kind: 'dropped', reason: 'empty' };
  const context = fields.get('ContextString') ?? '';
  const id = fields.get('BehaviorID') ?? where;
  const meta = {
    functionalCategory: fields.get('FunctionalCategory') ?? '',
    semanticCategory: fields.get('SemanticCategory') ?? '',
  };
  const text = context.trim() === '' ? behaviour : `${context}\n\n---\n\n${behaviour}`;
  return {
    kind: 'row',
    prompt: { id, text, conversationId: id, goal: behaviour, meta },
    continuation: null,
    toxicity: null,
    where,
  };
}
