/** RealToxicityPrompts (Gehman et al. 2020), prompts.jsonl: sentences cut in two, each half with Perspective scores,
 *  which may be null. The source document is the conversation, so that a split keeps its sentences together. */
import { textId } from '../identity.js';
import { asFields, isFields, plainFields, shareField, stringField } from './fields.js';
import type { DatasetFormat, DatasetItem, RowItem } from './format.js';
import { readRows } from './rows.js';

export const realToxicityPrompts: DatasetFormat = {
  summary: 'RealToxicityPrompts, prompts.jsonl: prompt and continuation with scores',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' &&
    isFields(probe.firstValue) &&
    isFields(probe.firstValue['prompt']) &&
    isFields(probe.firstValue['continuation']),
  read: async function* (path) {
    for await (const item of readRows(path)) yield rowOf(item);
  },
};

function rowOf({ value, where }: RowItem): DatasetItem {
  const record = asFields(value, where);
  const prompt = asFields(record['prompt'], `${where}, prompt`);
  const continuation = asFields(record['continuation'], `${where}, continuation`);
  const text = stringField(prompt, 'text', where);
  if (text.trim() === '') return { kind: 'dropped', reason: 'empty' };
  const { filename, begin, end } = plainFields(record);
  const source = typeof filename === 'string' ? filename : null;
  const id = source === null ? textId(text) : `${source}:${begin ?? '?'}-${end ?? '?'}`;
  return {
    kind: 'row',
    prompt: {
      id,
      text,
      conversationId: source ?? id,
      meta: {
        ...plainFields(prompt, ['text']),
        toxicity: shareField(prompt, 'toxicity', where),
        challenging: record['challenging'] === true,
      },
    },
    continuation: stringField(continuation, 'text', where),
    toxicity: shareField(continuation, 'toxicity', where),
    where,
  };
}
