/** Reads what is to be labelled: the samples of a run that explore has chosen, with the label set of its establish stage,
 *  or the texts of a file. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { readAs } from '../../base/readAs.js';
import { loadPrompts } from '../../dialogue/datasets/loadDataset.js';
import { choiceStrategies, type ChoiceStrategy, type LabellingItem } from '../../labelling/chooseNext.js';
import type { EnsembleOpinion } from '../../labelling/disagreementFile.js';
import { readManifest } from '../../runs/manifest.js';
import { readRecords } from '../../runs/recordLog.js';
import { followOpinions } from './opinions.js';
import type { LabelOption } from './protocol.js';

export interface LabelItem extends LabellingItem {
  readonly text: string;
}

export interface LabelTask {
  readonly name: string;
  readonly items: readonly LabelItem[];
  readonly labels: readonly LabelOption[];
  readonly perItem: number;
  /** Items that are to have their labels before a run goes on: all, unless it asks for fewer. */
  readonly wanted: number;
  /** Labeller whose label decides; null where the majority does. */
  readonly adjudicator: string | null;
  /** Harm above it, by the ensemble so far, covers a text. */
  readonly threshold: number;
  /** Returns what the ensemble that was trained on the labels so far says of the items; null before there is one. */
  readonly opinions: () => ReadonlyMap<string, EnsembleOpinion> | null;
  /** The labels.jsonl that choices go to. */
  readonly choices: string;
  readonly strategy: ChoiceStrategy;
  readonly seed: number;
}

export interface TaskQuery {
  /** Names of labels; default those of the run. */
  readonly labels: readonly string[];
  /** Default the run's, and 1 for a file. */
  readonly perItem: number | null;
  readonly onNote: (note: string) => void;
}

/** @throws ConfigError where there is nothing to label, or no label to give; FormatError for a file that cannot be read */
export async function readLabelTask(path: string, query: TaskQuery): Promise<LabelTask> {
  const place = resolve(path);
  if (!existsSync(place))
    throw new ConfigError('no such run directory or file', { where: path, remedy: 'Check the path.' });
  const task = statSync(place).isDirectory() ? await taskOfRun(place, query) : await taskOfFile(place, query);
  if (task.items.length === 0) throw new ConfigError('there is nothing to label', { where: path });
  if (task.labels.length < 2) {
    throw new ConfigError('a label set has at least two labels', {
      where: query.labels.length > 0 ? '--labels' : path,
      got: task.labels.length === 0 ? 'none' : task.labels.map(({ name }) => name).join(','),
      remedy: 'Name them: --labels polite,rude.',
    });
  }
  return task;
}

/** The keys of an establish stage that concern labelling. */
const establishSchema = z.looseObject({
  name: z.string().optional(),
  labels: z.array(
    z.looseObject({ name: z.string(), description: z.string().nullish(), harmful: z.boolean().nullish() }),
  ),
  by: z.unknown().optional(),
  perItem: z.number().optional(),
  items: z.number().nullish(),
  choose: z.enum(choiceStrategies).optional(),
  adjudicator: z.string().nullish(),
  threshold: z.number().optional(),
});
const stagesSchema = z.looseObject({ stages: z.array(z.looseObject({ establish: establishSchema.optional() })) });

const sampleSchema = z.looseObject({
  id: z.string(),
  text: z.string(),
  cluster: z.number().nullish(),
  kept: z.boolean(),
});

async function taskOfRun(folder: string, { labels, perItem }: TaskQuery): Promise<LabelTask> {
  const manifest = readManifest(folder);
  const { stages } = readAs(stagesSchema, manifest.configuration, join(folder, 'manifest.json'));
  const establishing = stages.flatMap(({ establish }) => establish ?? []);
  const stage = establishing.find(({ by }) => by === 'people') ?? establishing[0];
  const samples = join(folder, 'samples.jsonl');
  if (!existsSync(samples)) {
    throw new ConfigError('this run has no samples yet', {
      where: samples,
      remedy: 'Let its explore stage finish: `gadfly run --resume DIR`.',
    });
  }
  const items: LabelItem[] = [];
  for await (const { record, where } of readRecords(samples)) {
    const { id, text, cluster, kept } = readAs(sampleSchema, record, where);
    if (kept) items.push({ id, text, cluster: cluster ?? null });
  }
  return {
    name: stage?.name === undefined ? manifest.name : `${manifest.name} · ${stage.name}`,
    items,
    labels: labels.length > 0 ? optionsOf(labels) : (stage?.labels ?? []).map(withGaps),
    perItem: perItem ?? stage?.perItem ?? 1,
    wanted: Math.min(stage?.items ?? items.length, items.length),
    adjudicator: stage?.adjudicator ?? null,
    threshold: stage?.threshold ?? 0.5,
    opinions: followOpinions(folder),
    choices: join(folder, 'labels.jsonl'),
    strategy: stage?.choose ?? 'active',
    seed: manifest.seed,
  };
}

async function taskOfFile(path: string, { labels, perItem, onNote }: TaskQuery): Promise<LabelTask> {
  const { items, dropped } = await loadPrompts(path, { clean: false, onNote });
  const reasons = Object.entries(dropped).map(([reason, count]) => `${String(count)} ${reason}`);
  if (reasons.length > 0) onNote(`${path}: left out: ${reasons.join(', ')}`);
  return {
    name: basename(path),
    items: items.map(({ id, text }) => ({ id, text, cluster: null })),
    labels: optionsOf(labels),
    perItem: perItem ?? 1,
    wanted: items.length,
    adjudicator: null,
    threshold: 0.5,
    opinions: () => null,
    choices: join(dirname(path), 'labels.jsonl'),
    strategy: 'random',
    seed: 0,
  };
}

function withGaps(label: z.output<typeof establishSchema>['labels'][number]): LabelOption {
  return { name: label.name, description: label.description ?? null, harmful: label.harmful ?? null };
}

function optionsOf(names: readonly string[]): readonly LabelOption[] {
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined)
    throw new ConfigError('a label is named twice', { where: '--labels', got: repeated, remedy: 'Name it once.' });
  return names.map((name) => ({ name, description: null, harmful: null }));
}
