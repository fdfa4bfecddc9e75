/** A judge that a run has trained: an ensemble of classifiers with classes of its own, in a folder `judges/NAME`:
 *  judge.json says the classes, which of them are harmful, and the folders of the members (Hugging Face layout). In the
 *  recipe that trains it the judge is `stage:NAME`, from elsewhere the path of the folder.
 *
 *  Harm is the probability of the harmful classes together, the mean over the members. Labels of a verdict are the mean
 *  probability of each class, `logOdds` (the mean over the members of log(p / (1 − p)) of the harmful classes: what
 *  rewards of arXiv 2306.09442 are made of), `disagreement` and `split` (as of every ensemble). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../base/files.js';
import { present } from '../../base/invariant.js';
import { jsonText, readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { logOddsLabel } from '../../dialogue/reward.js';
import type { Judge } from '../../dialogue/types.js';
import { openSequenceClassifier, type SequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import type { Device } from '../../engine/runtime/device.js';
import { type ClassScore, harmOf, logOddsOf, scoreByClasses } from './classScores.js';
import { disagreementOf } from './ensemble.js';
import { guarded } from './guarded.js';
import type { JudgeKind } from './judgeKind.js';

const descriptionFile = 'judge.json';
/** The version of the form that this code writes and reads. */
const descriptionVersion = 1;

const trainedJudgeSchema = z.object({
  /** Classes, in the order of the members' labels. */
  labels: z
    .array(z.object({ name: z.string().min(1), description: z.string().exactOptional(), harmful: z.boolean() }))
    .min(2),
  /** Folders of the members, beside judge.json. */
  members: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)).min(1),
  threshold: z.number().min(0).max(1),
});

export type TrainedJudge = z.output<typeof trainedJudgeSchema>;

/** Names that a class cannot have: a verdict has other labels under them. */
export const reservedLabels: readonly string[] = [logOddsLabel, 'disagreement', 'split'];

/** Writes judge.json, which makes the folder a judge: the members must be there. */
export function writeTrainedJudge(folder: string, judge: TrainedJudge): void {
  const text = jsonText({ schema: descriptionVersion, kind: 'ensemble', ...judge }, 1);
  writeFileAtomic(join(folder, descriptionFile), `${text}\n`);
}

export function holdsTrainedJudge(folder: string): boolean {
  return existsSync(join(folder, descriptionFile));
}

/** Reads judge.json. @throws FormatError for one that is damaged, or of a newer version */
function readTrainedJudge(folder: string): TrainedJudge {
  const path = join(folder, descriptionFile);
  const value = readJsonObject(path);
  requireVersion(value, descriptionVersion, 'judge', path);
  return readAs(trainedJudgeSchema, value, path);
}

export interface TrainedJudgeOptions {
  readonly name: string;
  /** Default: what judge.json says. */
  readonly threshold?: number | undefined;
}

/** Opens the judge of a folder. @throws ConfigError when a member has other classes than judge.json */
export async function openTrainedJudge(device: Device, folder: string, options: TrainedJudgeOptions): Promise<Judge> {
  const judge = readTrainedJudge(folder);
  const { labels, members } = judge;
  const models: SequenceClassifier[] = [];
  for (const member of members) {
    const model = await openSequenceClassifier(device, join(folder, member), { name: `${options.name}/${member}` });
    const expected = labels.map(({ name }) => name).join(', ');
    if (model.labels.join(', ') !== expected)
      throw new ConfigError('A member has other classes than its judge', {
        where: join(folder, member),
        expected,
        got: model.labels.join(', '),
      });
    models.push(model);
  }
  return trainedJudge(models, judge, options);
}

/** @param members classifiers of the same classes, in the order of `labels`
 *  @param judge `split` is by its own threshold, whatever the threshold of verdicts */
function trainedJudge(
  members: readonly SequenceClassifier[],
  judge: Pick<TrainedJudge, 'labels' | 'threshold'>,
  { name, threshold = judge.threshold }: TrainedJudgeOptions,
): Judge {
  return guarded({
    name,
    threshold,
    score: async (items) => {
      const byMember: (readonly ClassScore[])[] = [];
      for (const member of members) byMember.push(await scoreByHarmfulClasses(member, items, judge.labels));
      return items.map((_, i) => {
        const scores = byMember.map((scored) => present(scored[i], 'every member scores every text'));
        const apart = disagreementOf(scores.map((score) => ({ ...score, failed: score.harm > judge.threshold })));
        return { harm: mean(scores.map(({ harm }) => harm)), labels: { ...meanLabels(scores), ...apart } };
      });
    },
  });
}

/** Scores texts by one member: harm is the probability of the harmful classes, labels the probability of each and the
 *  log-odds of the harmful ones. */
export function scoreByHarmfulClasses(
  model: SequenceClassifier,
  items: readonly { readonly text: string }[],
  labels: readonly Pick<TrainedJudge['labels'][number], 'harmful'>[],
): Promise<readonly ClassScore[]> {
  const isHarmful = labels.map(({ harmful }) => harmful);
  const harmful = isHarmful.flatMap((is, i) => (is ? [i] : []));
  return scoreByClasses(model, items, (logits) => {
    const { harm, labels: probabilities } = harmOf(logits, model.labels, {
      kind: 'softmax',
      labels: harmful,
      inverted: false,
    });
    return { harm, labels: { ...probabilities, [logOddsLabel]: logOddsOf(logits, isHarmful) } };
  });
}

/** Means by label over the members; none for a text without a token, which no member labels. */
function meanLabels(scores: readonly ClassScore[]): Readonly<Record<string, number>> {
  const names = Object.keys(scores[0]?.labels ?? {});
  return Object.fromEntries(
    names.map((name) => [name, mean(scores.map(({ labels }) => labels?.[name] ?? Number.NaN))]),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const pattern = /^stage:(.+)$/;

/** Returns the stage that a judge's name refers to; null for other judges. */
export function stageOfJudge(model: string): string | null {
  return pattern.exec(model)?.[1] ?? null;
}

export const trainedKind: JudgeKind = {
  form: 'stage:NAME',
  summary: 'the ensemble that the establish stage NAME of this recipe has trained; from elsewhere ./RUN/judges/NAME',
  options: [],
  accepts: (model) => pattern.test(model),
  open: async ({ model, threshold }, { device, stageJudge }) => {
    const stage = present(stageOfJudge(model), 'the name is of the form stage:NAME');
    if (stageJudge === undefined)
      throw new ConfigError('A stage’s judge is known in its own recipe only', {
        where: 'judge',
        got: model,
        remedy: `Name its folder: ./RUN/judges/${stage}.`,
      });
    const folder = stageJudge(stage);
    if (!holdsTrainedJudge(folder))
      throw new ConfigError('This stage has not trained its judge yet', {
        where: folder,
        got: model,
        remedy: 'Run the establish stage first.',
      });
    return openTrainedJudge(await device(), folder, { name: model, threshold });
  },
};
