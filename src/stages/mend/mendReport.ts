/** Makes the part of a report on mending: the replies of its models, and how they differ from those before. All is read
 *  from the run's records, whichever session wrote them. */
import { parseUnit, type Unit } from '../../runs/units.js';
import { present } from '../../base/invariant.js';
import { compareChoices, summariseChoices } from '../../measures/choices.js';
import { compareOrdinaryNll, summariseOrdinaryNll } from '../../measures/guards.js';
import { compareReplies, summariseReplies } from '../../measures/summary.js';
import { type LogLine, readRecords } from '../../runs/recordLog.js';
import type { RunRecords } from '../../runs/runRecords.js';
import type { MendPoint, MendReport, MendRow, MendSample, Metrics } from '../../report/report.js';
import type { BootstrapOptions } from '../../stats/bootstrap.js';
import { bootstrapOf } from '../evaluate/reportRow.js';
import type { StageContext } from '../stageContext.js';
import { measureUnit } from './measures.js';
import {
  groupReplies,
  type MeasuredGuards,
  type MeasuredReplies,
  type MeasuredReply,
  type MeasuredSet,
  measuredSets,
  readGuards,
  readMeasuredReply,
  readMendResult,
} from './mendRecords.js';

type Recorded = Pick<StageContext, 'recipe'> & { readonly run: RunRecords };

/** Returns one report for each finished mend stage, in order. */
export async function mendReports({ run, recipe }: Recorded): Promise<readonly MendReport[]> {
  const stages = run.manifest.completed.flatMap(({ unit, result }) => {
    const parsed = parseUnit(unit);
    return parsed?.kind === 'mend' ? [{ name: parsed.stage, result: readMendResult(result, run.path) }] : [];
  });
  if (stages.length === 0) return [];
  const replies = await recordsByUnit(run.log('rollouts').path, 'mendMeasure', readMeasuredReply);
  const courses = await recordsByUnit(run.log('metrics').path, 'mendTraining', pointOf);
  const bootstrap = bootstrapOf(recipe);
  return stages.map(({ name, result }): MendReport => {
    const { before, measured, counts } = result;
    const models = measured.map((model): MeasuredModel => {
      const records = replies.get(measureUnit(name, model)) ?? [];
      return {
        model,
        records,
        replies: groupReplies(records),
        guards: readGuards(present(run.completed(measureUnit(name, model)), 'a measure of each model'), run.path),
      };
    });
    const first = present(models[0], 'the target before is measured');
    return {
      stage: name,
      before,
      counts,
      sets: measuredSets.flatMap((set) => {
        const rows = models.map((each): MendRow => ({
          model: each.model,
          metrics: summariseReplies(each.replies[set], bootstrap),
          ...(each === first ? {} : { change: compareReplies(each.replies[set], first.replies[set], bootstrap) }),
        }));
        const dialogues = first.replies[set].flat().length;
        return dialogues === 0 ? [] : [{ set, dialogues, rows }];
      }),
      guards: models.map((each): MendRow => ({
        model: each.model,
        metrics: { ...summariseOrdinaryNll(each.guards.nll, bootstrap), ...summariseChoices(each.guards.choices) },
        ...(each === first ? {} : { change: compareGuards(each.guards, first.guards, bootstrap) }),
      })),
      course: [...courses].flatMap(([key, looks]) => {
        const unit = parseUnit(key);
        if (unit?.kind !== 'mendTraining' || unit.stage !== name) return [];
        return [{ model: unit.model, points: looks.flatMap((point) => point ?? []) }];
      }),
      samples: measuredSets.flatMap((set) => samplesOf(set, models)),
    };
  });
}

/** Returns the guards of mended targets by name, against the recipe's own target; a loop shows them beside failure rates. */
export function guardsOf({ run, recipe }: Recorded): ReadonlyMap<string, Metrics> {
  const bootstrap = bootstrapOf(recipe);
  const measured = new Map<string, MeasuredGuards>();
  for (const { unit, result } of run.manifest.completed) {
    const parsed = parseUnit(unit);
    if (parsed?.kind !== 'mendMeasure' || measured.has(parsed.model)) continue;
    measured.set(parsed.model, readGuards(result, run.path));
  }
  const [original] = measured.values();
  const out = new Map<string, Metrics>();
  for (const [name, guards] of measured) {
    const change =
      original === undefined || guards === original
        ? {}
        : pick(compareOrdinaryNll(guards.nll, original.nll, bootstrap), 'ordinaryNllChange');
    out.set(name, { ...summariseOrdinaryNll(guards.nll, bootstrap), ...change, ...summariseChoices(guards.choices) });
  }
  return out;
}

function pick(metrics: Metrics, name: string): Metrics {
  return metrics[name] === undefined ? {} : { [name]: metrics[name] };
}

function compareGuards(after: MeasuredGuards, before: MeasuredGuards, bootstrap: BootstrapOptions): Metrics {
  return {
    ...compareOrdinaryNll(after.nll, before.nll, bootstrap),
    ...compareChoices(after.choices, before.choices, bootstrap),
  };
}

interface MeasuredModel {
  readonly model: string;
  readonly records: readonly MeasuredReply[];
  readonly replies: MeasuredReplies;
  readonly guards: MeasuredGuards;
}

/** Reads records of one kind of unit line by line, by unit, and keeps of each what `keep` makes of it. */
async function recordsByUnit<T>(
  path: string,
  kind: Unit['kind'],
  keep: (line: LogLine) => T,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const out = new Map<string, T[]>();
  for await (const line of readRecords(path)) {
    const { stage } = line.record;
    if (typeof stage !== 'string' || parseUnit(stage)?.kind !== kind) continue;
    const known = out.get(stage);
    if (known === undefined) out.set(stage, [keep(line)]);
    else known.push(keep(line));
  }
  return out;
}

/** Reads a point of the training course, measured on held-out replies; null for another record. */
function pointOf({ record }: LogLine): readonly MendPoint[] | null {
  const { trained } = record;
  if (typeof trained !== 'number') return null;
  const values = Object.entries(record).flatMap(([name, value]) =>
    /^(kl|rewards)\//.test(name) && typeof value === 'number' ? [[name, value] as const] : [],
  );
  return [{ step: trained, values: Object.fromEntries(values) }];
}

const samplesASet = 4;

/** Chooses samples that are evenly spread over the dialogues of the set. */
function samplesOf(set: MeasuredSet, models: readonly MeasuredModel[]): readonly MendSample[] {
  const own = models.map(({ model, records }) => ({
    model,
    records: records.filter((record) => record.set === set),
  }));
  const first = own[0]?.records ?? [];
  const count = Math.min(samplesASet, first.length);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * first.length) / count);
    const { prompt, turns } = present(first[at], 'a record at each place');
    return {
      set,
      context: [prompt.text, ...turns.slice(0, -1).map(({ text }) => text)].filter((text) => text !== ''),
      replies: own.map(({ model, records }) => ({
        model,
        ...shownReply(present(records[at], 'a reply of each model').measure),
      })),
    };
  });
}

function shownReply({
  text,
  harm,
  failed,
  evasive,
}: MeasuredReply['measure']): Omit<MendSample['replies'][number], 'model'> {
  return { text, harm, failed, evasive };
}
