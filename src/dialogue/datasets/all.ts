/** Every data set format, the most specific first: the first that recognises a path reads it. */
import { commonClaim } from './commonClaim.js';
import { convokit } from './convokit.js';
import { creak } from './creak.js';
import { csvTable, parquetTable } from './tables.js';
import type { DatasetFormat } from './format.js';
import { harmBench } from './harmBench.js';
import { hhRlhf } from './hhRlhf.js';
import { jigsaw } from './jigsaw.js';
import { jsonArray } from './jsonArray.js';
import { jsonLines } from './jsonLines.js';
import { plainText } from './plainText.js';
import { realToxicityPrompts } from './realToxicityPrompts.js';
import { sotopia } from './sotopia.js';

export const datasetFormats = {
  convokit: convokit,
  sotopia: sotopia,
  'real-toxicity-prompts': realToxicityPrompts,
  'hh-rlhf': hhRlhf,
  jigsaw: jigsaw,
  harmbench: harmBench,
  commonclaim: commonClaim,
  creak: creak,
  'json-array': jsonArray,
  'json-lines': jsonLines,
  csv: csvTable,
  parquet: parquetTable,
  text: plainText,
} as const satisfies Record<string, DatasetFormat>;

export type DatasetFormatName = keyof typeof datasetFormats;
