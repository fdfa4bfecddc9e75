/** Records of an establish stage: labelled.jsonl, the labelled data set; judgeLabels.jsonl, what a judge said on the way
 *  to it. Texts to be labelled are the samples that explore has kept (samples.jsonl). */
import { z } from 'zod';
import { readAs } from '../../base/readAs.js';
import { readRecords } from '../../runs/recordLog.js';
import type { RunDirectory } from '../../runs/runDirectory.js';

const sampleSchema = z.object({
  id: z.string(),
  text: z.string(),
  kept: z.boolean(),
  /** Probability with which it was kept. */
  probability: z.number().gt(0).max(1).exactOptional(),
});

/** A text that waits for its label. */
export interface KeptSample {
  readonly id: string;
  readonly text: string;
  readonly probability: number;
}

/** Reads the samples that are kept for labelling, in the order of the file. */
export async function readKeptSamples(run: RunDirectory): Promise<readonly KeptSample[]> {
  const samples: KeptSample[] = [];
  for await (const { record, where } of readRecords(run.log('samples').path)) {
    const { id, text, kept, probability = 1 } = readAs(sampleSchema, record, where);
    if (kept) samples.push({ id, text, probability });
  }
  return samples;
}

const judgeLabelSchema = z.object({
  /** Name of the stage. */
  stage: z.string(),
  id: z.string(),
  /** Is null where the judge gave no verdict, for this reason. */
  label: z.string().nullable(),
  reason: z.string().exactOptional(),
});

export type JudgeLabel = z.output<typeof judgeLabelSchema>;

/** Reads what the judge of a stage has said so far. */
export async function readJudgeLabels(run: RunDirectory, stage: string): Promise<JudgeLabel[]> {
  const labels: JudgeLabel[] = [];
  for await (const { record, where } of readRecords(run.log('judgeLabels').path)) {
    const label = readAs(judgeLabelSchema, record, where);
    if (label.stage === stage) labels.push(label);
  }
  return labels;
}

const labelledSchema = z.object({
  /** Name of the stage. */
  stage: z.string(),
  id: z.string(),
  text: z.string(),
  label: z.string(),
  /** Share of the labels given that are this one. */
  agreement: z.number().gt(0).max(1),
  /** Number of labels given. */
  labels: z.int().min(1),
  /** Texts of one conversation are in one part. Absent where the text stands alone. */
  conversation_id: z.string().exactOptional(),
  /** Probability with which the sample was kept for labelling; absent for the texts of a file. */
  probability: z.number().gt(0).max(1).exactOptional(),
  /** Whether the ensemble is measured on it, and not trained. */
  heldOut: z.boolean(),
});

/** A text with its label, as labelled.jsonl has it. */
export type LabelledRecord = z.output<typeof labelledSchema>;

export async function readLabelledTexts(run: RunDirectory, stage: string): Promise<readonly LabelledRecord[]> {
  const texts: LabelledRecord[] = [];
  for await (const { record, where } of readRecords(run.log('labelled').path)) {
    const text = readAs(labelledSchema, record, where);
    if (text.stage === stage) texts.push(text);
  }
  return texts;
}
