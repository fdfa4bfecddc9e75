/** Labels of texts, from whom the recipe says: a file, a judge, or people. */
import type { ErrorDetails } from '../../base/errors.js';
import { ConfigError } from '../../base/errors.js';
import { nearest } from '../../base/nearest.js';
import { readClassLabels } from '../../dialogue/datasets/classLabels.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import type { EstablishOptions } from '../../discovery/establishOptions.js';
import { labelByVerdict } from '../../discovery/labelByVerdict.js';
import type { GivenLabel } from '../../labelling/adjudicate.js';
import { unitKey } from '../../runs/units.js';
import type { JudgeOptions } from '../../speakers/judges/options.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit } from '../unitRecorder.js';
import { readJudgeLabels, type KeptSample } from './establishRecords.js';

export interface EstablishStage {
  readonly name: string;
  readonly options: EstablishOptions;
}

/** A text with all labels that it was given; with none, it was shown or judged in vain. */
export interface GivenText {
  readonly id: string;
  readonly text: string;
  /** Texts of one group belong to one part. */
  readonly group: string;
  readonly given: readonly GivenLabel[];
  /** Probability with which a sample was kept; null for the texts of a file. */
  readonly probability: number | null;
}

/** Reads a file of texts and labels. Several rows of one text are several labels of it.
 *  @throws ConfigError, FormatError for a file that cannot be read, and for a label that is not in the set, with its line */
export async function labelsOfFile(
  { pool }: StageContext,
  { name, options: { labels } }: EstablishStage,
  file: string,
): Promise<readonly GivenText[]> {
  const texts = new Map<string, GivenText & { readonly given: GivenLabel[] }>();
  for (const { id, text, label, group, where } of await readClassLabels(pool.locate(file))) {
    requireKnown(label, labels, where, `stages.${name}.labels`);
    const known = texts.get(text) ?? { id, text, group, given: [], probability: null };
    known.given.push({ labeller: `label ${String(known.given.length + 1)}`, label });
    texts.set(text, known);
  }
  return [...texts.values()];
}

/** @throws ConfigError for a label that is not one of the set */
export function requireKnown(label: string, labels: EstablishOptions['labels'], where: string, key: string): void {
  const names = labels.map(({ name }) => name);
  if (names.includes(label)) return;
  const close = nearest(label, names);
  const details: ErrorDetails = {
    where,
    expected: `one of ${names.join(', ')} (${key})`,
    got: label,
    remedy: close === null ? 'Add it to the labels of the recipe, or correct this line.' : `Did you mean '${close}'?`,
  };
  throw new ConfigError('This label is not in the label set', details);
}

/** Texts that a judge is asked at once, between two records. */
const textsPerBatch = 64;

/** Asks a judge for the label of every sample. @throws InterruptedError, BudgetError: batches are kept; JudgeError when it
 *  is silent too often */
export async function labelsOfJudge(
  context: StageContext,
  { name, options: { labels } }: EstablishStage,
  spec: JudgeOptions,
  samples: readonly KeptSample[],
): Promise<readonly GivenText[]> {
  const { run, pool, limits, progress } = context;
  const { checkpoints } = recordUnit(run, unitKey({ kind: 'establishLabels', stage: name }));
  const judge = watchUnscored(await pool.judge(spec), spec.maxUnscored, `establish, ${name}`);
  const said = await readJudgeLabels(run, name);
  while (said.length < samples.length) {
    progress({ stage: name, phase: 'label', done: said.length, total: samples.length, unit: 'samples', values: {} });
    limits.mayGoOn();
    const batch = samples.slice(said.length, said.length + textsPerBatch);
    const verdicts = await judge.judge(batch.map(({ text }) => ({ text })));
    const records = batch.map(({ id }, i) => {
      const verdict = verdicts[i];
      const label = verdict === undefined ? null : labelByVerdict(verdict, labels, judge.name);
      return { stage: name, id, label, ...(verdict?.kind === 'unscored' ? { reason: verdict.reason } : {}) };
    });
    run.log('judgeLabels').append(...records);
    said.push(...records);
    const step = Math.ceil(said.length / textsPerBatch);
    await checkpoints.save({ step, score: null, state: { labelled: said.length }, write: () => Promise.resolve() });
  }
  judge.check();
  const byId = new Map(said.map(({ id, label }) => [id, label]));
  return samples.map(({ id, text, probability }) => {
    const label = byId.get(id) ?? null;
    return { id, text, group: id, given: label === null ? [] : [{ labeller: judge.name, label }], probability };
  });
}
